import { describe, expect, it } from "vitest";
import {
  baseLaw,
  countedLaw,
  groupShares,
  lowTemperatureLaw,
  mostUnseen,
  powerLaw,
} from "../../../web/src/law/laws.ts";
import { Sample } from "../../../web/src/law/sample.ts";

/** A model of two tokens and answers of two: all four can be listed. */
const first = { a: 0.6, b: 0.4 };
const second = { a: { a: 0.5, b: 0.5 }, b: { a: 0.05, b: 0.95 } };
const tokens = ["a", "b"] as const;

const logs = (law: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(law).map(([token, share]) => [token, Math.log(share)]));

/** An answer as the API gives it. */
function choiceOf(one: "a" | "b", two: "a" | "b"): Parameters<Sample["add"]>[0] {
  return {
    index: 0,
    stop_reason: null,
    text: one + two,
    finish_reason: "length",
    logprobs: {
      tokens: [one, two],
      token_logprobs: [Math.log(first[one]), Math.log(second[one][two])],
      top_logprobs: [logs(first), logs(second[one])],
      text_offset: [0, 1],
    },
  };
}

const answers = tokens.flatMap((one) => tokens.map((two) => [one, two] as const));
const sampleOf = (drawn: readonly (readonly ["a" | "b", "a" | "b"])[]): Sample => {
  const sample = new Sample();
  for (const answer of drawn) sample.add(choiceOf(...answer));
  return sample;
};
const close = (law: readonly number[], expected: readonly number[]): void => {
  expect(law).toHaveLength(expected.length);
  for (const [index, share] of law.entries()) expect(share).toBeCloseTo(expected[index]!, 12);
};

describe("laws over the answers seen", () => {
  const all = sampleOf(answers);

  it.each([1, 2, 4, 16])("are those of a model whose answers are all listed, at alpha %d", (alpha) => {
    const p = answers.map(([one, two]) => first[one] * second[one][two]);
    close(baseLaw(all), p);
    const total = p.reduce((sum, share) => sum + share ** alpha, 0);
    close(
      powerLaw(all, alpha),
      p.map((share) => share ** alpha / total),
    );
    const sharpened = (law: Readonly<Record<string, number>>, token: string): number =>
      law[token]! ** alpha / tokens.reduce((sum, other) => sum + law[other]! ** alpha, 0);
    close(
      lowTemperatureLaw(all, alpha),
      answers.map(([one, two]) => sharpened(first, one) * sharpened(second[one], two)),
    );
  });

  it("tell what was drawn twice once, and how much of the model was not seen", () => {
    const some = sampleOf([
      ["a", "a"],
      ["b", "b"],
      ["a", "a"],
    ]);
    expect([some.drawn, some.answers.length, some.cutOff]).toEqual([3, 2, 3]);
    close(countedLaw(some), [2 / 3, 1 / 3]);
    expect(some.mass).toBeCloseTo(0.3 + 0.38, 12);
    expect(some.likeliest?.text).toBe("bb");
  });

  it.each([1, 1.5, 2, 4, 16])("bound what those that were not seen could have, at alpha %d", (alpha) => {
    const p = answers.map(([one, two]) => first[one] * second[one][two]);
    const total = p.reduce((sum, share) => sum + share ** alpha, 0);
    for (let seen = 1; seen < answers.length; seen++) {
      const bound = mostUnseen(sampleOf(answers.slice(0, seen)), alpha);
      const unseen = p.slice(seen).reduce((sum, share) => sum + share ** alpha, 0) / total;
      expect(bound).toBeGreaterThanOrEqual(unseen - 1e-12);
      // Where a single answer is missing, or nothing is sharpened, it is what that has.
      if (alpha === 1 || seen === answers.length - 1) expect(bound).toBeCloseTo(unseen, 12);
    }
    expect(mostUnseen(all, alpha)).toBeCloseTo(0, 12);
    expect(mostUnseen(all, 0.5)).toBe(1);
  });

  it("of power are the model's own at alpha 1, and hardly count what was not seen at a higher one", () => {
    const some = sampleOf([
      ["a", "a"],
      ["b", "b"],
    ]);
    close(powerLaw(some, 1), baseLaw(some));
    // 0.3 and 0.38 were seen; 0.32 was not, in answers of 0.3 each at most.
    const total = 0.3 ** 4 + 0.38 ** 4 + 0.32 * 0.3 ** 3;
    close(powerLaw(some, 4), [0.3 ** 4 / total, 0.38 ** 4 / total]);
    close(powerLaw(some, 1, 0), [0.3 / 0.68, 0.38 / 0.68]);
  });

  it("add up by what answers have in common", () => {
    const shares = groupShares(all.answers, baseLaw(all), (text) => text[1]!);
    expect(shares.get("a")).toBeCloseTo(0.3 + 0.02, 12);
    expect(shares.get("b")).toBeCloseTo(0.3 + 0.38, 12);
  });
});
