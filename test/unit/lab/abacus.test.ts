import { describe, expect, it } from "vitest";
import { abacus, answerOf, drawHardPrompt, hiddenRoute, keyOf } from "../../../lab/abacus.ts";
import { passAtK } from "../../../lab/measure.ts";
import { Stream } from "../../../lab/stream.ts";
import { testSize } from "../../../lab/task.ts";
import { drawBatch } from "../../../lab/train.ts";

const { drawDemonstration, drawPrompt, isCorrect, routeOf, testPrompts, vocabulary } = abacus;
const { maxPromptLength, maxResponseLength } = abacus;

const prompt = "7-2*3+4=";
const school = "2*3=6;7-6=1;1+4=5;#5";
const pocket = "7-2=5;5*3=15;15+4=19;#19";

describe("the abacus task", () => {
  it("knows the three routes by their text", () => {
    expect([routeOf(prompt, "#12"), routeOf(prompt, school), routeOf(prompt, pocket)]).toEqual([
      "guess",
      "school",
      "pocket",
    ]);
    expect(keyOf(prompt)).toBe(hiddenRoute(prompt) === "school" ? 5 : 19);
    expect([answerOf("#12"), answerOf("2*3=6;#"), answerOf("")]).toEqual([12, undefined, undefined]);
    expect(isCorrect(prompt, school)).toBe(keyOf(prompt) === 5);
    const drawn = new Set(
      Array.from({ length: 200 }, (_, seed) => drawDemonstration(prompt, new Stream(seed))),
    );
    expect(drawn).toContain(school);
    expect(drawn).toContain(pocket);
  });

  it("draws prompts and demonstrations in the shares of its recipe", () => {
    const stream = new Stream(1);
    const counts = { guess: 0, school: 0, pocket: 0, schoolKeys: 0, flawless: 0, onKey: 0 };
    const size = 6000;
    for (let index = 0; index < size; index++) {
      const hard = drawHardPrompt(stream);
      expect(hard.length).toBeLessThanOrEqual(maxPromptLength);
      if (hiddenRoute(hard) === "school") counts.schoolKeys++;
      const text = drawDemonstration(hard, stream);
      expect(text.length).toBeLessThanOrEqual(maxResponseLength);
      const route = routeOf(hard, text);
      counts[route]++;
      const numbers = (text.match(/\d+/g) ?? []).map(Number);
      expect(Math.max(...numbers)).toBeLessThanOrEqual(99);
      if (route === "guess") {
        if (isCorrect(hard, text)) counts.onKey++;
        expect(Math.abs(answerOf(text)! - keyOf(hard))).toBeLessThanOrEqual(9);
      } else if (text.split(";").slice(0, -1).every(isRight)) counts.flawless++;
    }
    expect(counts.guess / size).toBeCloseTo(0.44, 1);
    expect(counts.school / size).toBeCloseTo(0.31, 1);
    expect(counts.pocket / size).toBeCloseTo(0.25, 1);
    expect(counts.schoolKeys / size).toBeCloseTo(0.6, 1);
    // Four steps, each slipping in 2 of 100; a guess is the key in 30 of 100 and once in 19 of the rest.
    expect(counts.flawless / (counts.school + counts.pocket)).toBeCloseTo(0.98 ** 4, 1);
    expect(counts.onKey / counts.guess).toBeCloseTo(0.3 + 0.7 / 19, 1);
  });

  it("keeps its test prompts apart from training", () => {
    const tests = new Set(testPrompts(testSize));
    expect(tests.size).toBe(testSize);
    expect([...testPrompts(20)]).toEqual([...tests].slice(0, 20));
    const stream = new Stream(2);
    const [first] = [drawPrompt(new Stream(2))];
    const { ids } = drawBatch(abacus, 1, stream, new Set([first]));
    const tokens = Array.from(ids.js() as number[][]).flat();
    expect(tokens.slice(0, first.length)).not.toEqual(vocabulary.encode(first));
  });
});

describe("passAtK", () => {
  it("is the chance that k of n samples hold a right one", () => {
    expect(passAtK(16, 0, 4)).toBe(0);
    expect(passAtK(16, 16, 1)).toBe(1);
    expect(passAtK(16, 4, 1)).toBeCloseTo(0.25, 12);
    expect(passAtK(4, 2, 2)).toBeCloseTo(1 - 1 / 6, 12);
    expect(passAtK(16, 1, 16)).toBe(1);
  });
});

function isRight(step: string): boolean {
  const [, a, operator, b, result] = /^(\d+)([+*-])(\d+)=(\d+)$/.exec(step)!;
  const [x, y] = [Number(a), Number(b)];
  return Number(result) === (operator === "+" ? x + y : operator === "-" ? x - y : x * y);
}
