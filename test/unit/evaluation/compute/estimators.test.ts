import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bestOfK } from "../../../../src/evaluation/compute/best-of-k.ts";
import { interpolate } from "../../../../src/evaluation/compute/interpolate.ts";
import { voteOfK } from "../../../../src/evaluation/compute/vote-of-k.ts";
import type { Ballot } from "../../../../src/evaluation/compute/vote-of-k.ts";
import { passAtK } from "../../../../src/evaluation/statistics.ts";

/** All subsets of k of a list, each in the list's order. */
function subsets<Member>(members: readonly Member[], k: number): Member[][] {
  if (k === 0) return [[]];
  return members.flatMap((first, place) =>
    subsets(members.slice(place + 1), k - 1).map((rest) => [first, ...rest]),
  );
}

const average = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** A vote, as one would hold it: the ballots are ranked by likelihood. */
function winner(ballots: readonly Ballot[]): Ballot {
  const votes = (answer: string): number => ballots.filter((one) => one.answer === answer).length;
  const cast = ballots.filter(({ answer }) => answer !== undefined);
  const most = Math.max(0, ...cast.map(({ answer }) => votes(answer!)));
  return cast.find(({ answer }) => votes(answer!) === most) ?? ballots[0]!;
}

const ballots = fc.array(
  fc.record({ answer: fc.constantFrom(undefined, "a", "b", "c", "d"), isCorrect: fc.boolean() }),
  { minLength: 1, maxLength: 9 },
);
const counts = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1);

describe("the best of k", () => {
  it("is the mean over all subsets", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }), (ranked) => {
        for (const k of counts(ranked.length)) {
          const byHand = average(subsets(ranked, k).map(([best]) => (best! ? 1 : 0)));
          expect(bestOfK(ranked, k)).toBeCloseTo(byHand, 12);
        }
      }),
    );
  });

  it("is pass@k where the score knows, the share of right ones at k = 1, and the best of all at k = n", () => {
    const [right, n] = [5, 40];
    const ranked = counts(n).map((rank) => rank <= right);
    for (const k of counts(n)) {
      expect(bestOfK(ranked, k)).toBeCloseTo(passAtK(n, right, k), 12);
      // The other way round it is right where no wrong one is there.
      expect(bestOfK(ranked.toReversed(), k)).toBeCloseTo(1 - passAtK(n, n - right, k), 12);
    }
    expect(bestOfK([false, true, true], 1)).toBeCloseTo(2 / 3);
    expect(bestOfK([false, true, true], 3)).toBe(0);
    expect(() => bestOfK([true], 2)).toThrow(/needs/);
  });
});

describe("a vote of k", () => {
  it("is the mean over all subsets", () => {
    fc.assert(
      fc.property(ballots, (ranked) => {
        const all = counts(ranked.length);
        const byHand = all.map((k) =>
          average(subsets(ranked, k).map((own) => (winner(own).isCorrect ? 1 : 0))),
        );
        for (const [index, value] of voteOfK(ranked, all).entries())
          expect(value).toBeCloseTo(byHand[index]!, 12);
      }),
    );
  });

  it("has the values that one can work out", () => {
    const right = { answer: "1", isCorrect: true };
    const wrong = { answer: "2", isCorrect: false };
    // Two of three are needed: both right ones with the wrong one, and the likelier of two.
    expect(voteOfK([wrong, right, right], [1, 2, 3])).toEqual([2 / 3, 1 / 3, 1].map(close));
    expect(voteOfK([right, wrong, wrong], [1, 2, 3])).toEqual([1 / 3, 2 / 3, 0].map(close));
    // Texts without an answer are outvoted by one with one, however many and likely they are.
    const silent = { answer: undefined, isCorrect: false };
    expect(voteOfK([silent, silent, right], [1, 3])).toEqual([1 / 3, 1].map(close));
    expect(() => voteOfK([right], [2])).toThrow(/needs/);
  });

  it("adds up to the mean of a hundred and more: the likeliest of equals wins", () => {
    const n = 128;
    const ranked = counts(n).map((rank) => ({ answer: String(rank % 2), isCorrect: rank % 2 === 1 }));
    const flipped = ranked.map(({ answer, isCorrect }) => ({ answer, isCorrect: !isCorrect }));
    const all = [1, 2, 7, 64, 127, 128];
    const other = voteOfK(flipped, all);
    for (const [index, value] of voteOfK(ranked, all).entries())
      expect(value + other[index]!).toBeCloseTo(1, 9);
    expect(voteOfK(ranked, [128])).toEqual([1]);
  });
});

const close = (value: number): number => expect.closeTo(value, 12) as number;

describe("interpolation", () => {
  const points = [
    { k: 1, value: 0.2 },
    { k: 2, value: 0.4 },
    { k: 8, value: 0.1 },
  ];

  it("is linear in log k between its two neighbours, and flat beyond the ends", () => {
    expect(interpolate(points, 1)).toBe(0.2);
    expect(interpolate(points, 2)).toBeCloseTo(0.4);
    expect(interpolate(points, Math.SQRT2)).toBeCloseTo(0.3);
    expect(interpolate(points, 4)).toBeCloseTo(0.25);
    expect(interpolate(points, 0.5)).toBe(0.2);
    expect(interpolate(points, 100)).toBe(0.1);
    expect(interpolate(points.slice(0, 1), 3)).toBe(0.2);
  });
});
