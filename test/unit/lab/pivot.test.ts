import { describe, expect, it } from "vitest";
import { hiddenTable, pivot } from "../../../lab/pivot.ts";
import { Stream } from "../../../lab/stream.ts";
import { testSize } from "../../../lab/task.ts";

const prompt = "482913=";
const byA = "a408322901231#21";
const byB = "b438320921133#13";

describe("the pivot task", () => {
  it("knows the three routes, and the one answer that counts", () => {
    expect(["#12", byA, byB].map((text) => pivot.routeOf(prompt, text))).toEqual(["guess", "a", "b"]);
    expect(pivot.keyOf(prompt)).toBe(hiddenTable(prompt) === "a" ? "21" : "13");
    expect(pivot.isCorrect(prompt, byA)).toBe(hiddenTable(prompt) === "a");
    expect(pivot.isCorrect(prompt, `#${pivot.keyOf(prompt)}`)).toBe(true);
    expect(pivot.isCorrect(prompt, `#${pivot.keyOf(prompt)}0`)).toBe(false);
  });

  it("draws demonstrations in the shares of its recipe: a guess has 16 equal futures, a worked route one", () => {
    const stream = new Stream(1);
    const size = 8000;
    const counts = new Map<string, number>();
    let aKeys = 0;
    for (let index = 0; index < size; index++) {
      const text = pivot.drawDemonstration(prompt, stream);
      expect(text.length).toBeLessThanOrEqual(pivot.maxResponseLength);
      counts.set(text, (counts.get(text) ?? 0) + 1);
      if (hiddenTable(pivot.drawPrompt(stream)) === "a") aKeys++;
    }
    const share = (text: string): number => counts.get(text)! / size;
    const guesses = [...counts.keys()].filter((text) => pivot.routeOf(prompt, text) === "guess");
    expect(guesses).toHaveLength(16);
    for (const guess of guesses) expect(Math.abs(share(guess) - 0.6 / 16)).toBeLessThan(0.01);
    // Six steps, each slipping in 2 of 100.
    expect(Math.abs(share(byA) - 0.22 * 0.98 ** 6)).toBeLessThan(0.02);
    expect(Math.abs(share(byB) - 0.18 * 0.98 ** 6)).toBeLessThan(0.02);
    expect(Math.abs(aKeys / size - 0.6)).toBeLessThan(0.02);
  });

  it("cannot be answered without working: any state may follow the first digits", () => {
    const keys = new Set<string>();
    for (let digit = 0; digit < 10; digit++)
      for (let other = 0; other < 10; other++) keys.add(pivot.keyOf(`4829${digit}${other}=`));
    expect(keys.size).toBe(16);
  });

  it("has test prompts of its own, always the same", () => {
    const tests = pivot.testPrompts(testSize);
    expect(new Set(tests).size).toBe(testSize);
    expect(pivot.testPrompts(20)).toEqual(tests.slice(0, 20));
    for (const test of tests) expect(test).toHaveLength(pivot.maxPromptLength);
  });
});
