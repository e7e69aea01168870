import { describe, expect, test } from "vitest";
import { fewestToStop, isSettled, leaderConfidence, mayStop } from "../../../src/selection/stopping.ts";
import { elected, tally } from "../../../src/selection/vote.ts";
import type { Candidate } from "../../../src/selection/candidate.ts";

const votesOf = (...counts: number[]) => ({
  answers: counts.map((count, answer) => ({
    answer: String(answer),
    count,
    share: count / counts.reduce((sum, one) => sum + one, 0),
    candidates: [],
  })),
});

/** P(p₁ > p₂) by Simpson's rule over the Beta(v₁ + 1, v₂ + 1) density above one half, its own sum as the constant. */
function integrated(first: number, second: number): number {
  const density = (p: number): number => p ** first * (1 - p) ** second;
  const simpson = (from: number, to: number, pieces = 2000): number => {
    const width = (to - from) / pieces;
    let sum = density(from) + density(to);
    for (let at = 1; at < pieces; at++) sum += (at % 2 === 0 ? 2 : 4) * density(from + at * width);
    return (sum * width) / 3;
  };
  return simpson(0.5, 1) / simpson(0, 1);
}

describe("the leader's posterior", () => {
  test("is 1 − I_½(v₁ + 1, v₂ + 1), by integration of the Beta density", () => {
    for (let first = 0; first <= 30; first++) {
      for (let second = 0; second <= first; second++)
        expect(leaderConfidence(votesOf(first, second))).toBeCloseTo(integrated(first, second), 8);
    }
  });

  test("of unopposed votes is 1 − 2^−(v + 1), and one half before any", () => {
    expect(leaderConfidence({ answers: [] })).toBe(0.5);
    for (let votes = 1; votes < 50; votes++)
      expect(leaderConfidence(votesOf(votes))).toBeCloseTo(1 - 2 ** -(votes + 1), 12);
    expect(leaderConfidence(votesOf(64, 64))).toBeCloseTo(0.5, 12);
    expect(leaderConfidence(votesOf(500, 1))).toBe(1);
    // As many as a request may draw: 2^1025 is no number.
    expect(leaderConfidence(votesOf(1024))).toBeCloseTo(1, 12);
    expect(leaderConfidence(votesOf(512, 512))).toBeCloseTo(0.5, 12);
    // ½ + ½ · C(1024, 512) / 2^1024, by Wallis: C(2m, m) / 4^m ≈ (1 − 1/8m) / √(πm).
    expect(leaderConfidence(votesOf(512, 511))).toBeCloseTo(
      0.5 + (1 - 1 / 4096) / Math.sqrt(Math.PI * 512) / 2,
      8,
    );
  });

  test("stops at the stated confidence, and at 1 only what is settled", () => {
    expect(mayStop(votesOf(4), 60, 0.95)).toBe(true);
    expect(mayStop(votesOf(3), 60, 0.95)).toBe(false);
    expect(mayStop(votesOf(60), 61, 1)).toBe(false);
    expect(mayStop(votesOf(60), 59, 1)).toBe(true);
  });
});

/** All ways in which further candidates may answer, with their likelihoods. */
function* futures(candidates: readonly Candidate[], remaining: number): Generator<readonly Candidate[]> {
  if (remaining === 0) {
    yield candidates;
    return;
  }
  for (const answer of ["a", "b", "c", undefined]) {
    for (const logprob of [-9, -0.1])
      yield* futures(
        [...candidates, { index: candidates.length, logprob, tokens: 1, answer }],
        remaining - 1,
      );
  }
}

describe("a settled winner", () => {
  test("is one that no future changes, and what some future changes is not settled", () => {
    for (const answers of ["aab", "aaa", "ab", "aaab", "aabb", "aa", "a", "aaaab"]) {
      const candidates = Array.from(answers, (answer, index) => ({
        index,
        logprob: -1 - index,
        tokens: 1,
        answer,
      }));
      for (let remaining = 0; remaining <= 3; remaining++) {
        const winners = [...futures(candidates, remaining)].map((all) => elected(all)!.answer);
        const isOpen = winners.some((winner) => winner !== elected(candidates)!.answer);
        expect(isSettled(tally(candidates), remaining), `${answers} + ${remaining}`).toBe(!isOpen);
      }
    }
  });
});

describe("the fewest candidates after which a vote may stop", () => {
  /** Whether some way in which so many answer lets it stop. */
  const someStop = (
    counts: readonly number[],
    drawn: number,
    remaining: number,
    confidence: number,
  ): boolean => {
    if (mayStop(tallied(counts), remaining, confidence)) return true;
    if (drawn === 0) return false;
    const next = [...counts.keys(), counts.length].map((answer) => {
      const more = [...counts];
      more[answer] = (more[answer] ?? 0) + 1;
      return more;
    });
    // The last one has no answer.
    return [...next, counts].some((more) => someStop(more, drawn - 1, remaining - 1, confidence));
  };
  const tallied = (counts: readonly number[]) => votesOf(...[...counts].sort((one, other) => other - one));

  test("are drawn in vain never: no fewer could stop it, however they answer", () => {
    for (const confidence of [0.5, 0.8, 0.95, 1]) {
      for (const counts of [[], [1], [2, 1], [2, 2], [3, 1, 1]]) {
        for (const remaining of [1, 2, 4, 6]) {
          if (mayStop(tallied(counts), remaining, confidence)) continue;
          const fewest = fewestToStop(tallied(counts), remaining, confidence);
          const at = `${counts.join()} + ${remaining} at ${confidence}`;
          expect(someStop(counts, fewest, remaining, confidence), at).toBe(true);
          expect(someStop(counts, fewest - 1, remaining, confidence), at).toBe(false);
        }
      }
    }
  });

  test("are those that settle it, or that its confidence takes", () => {
    expect(fewestToStop({ answers: [] }, 16, 1)).toBe(9);
    expect(fewestToStop({ answers: [] }, 16, 0.95)).toBe(4);
    expect(fewestToStop({ answers: [] }, 16, 0.5)).toBe(1);
    expect(fewestToStop(votesOf(3, 1), 12, 0.95)).toBe(3);
    expect(fewestToStop(votesOf(3, 3), 2, 0.95)).toBe(2);
  });
});
