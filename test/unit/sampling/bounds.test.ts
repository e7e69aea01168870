import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TopTokens } from "../../../src/core/tokens.ts";
import { boundEntropy, boundLogNormalizer } from "../../../src/sampling/bounds.ts";

/** A law of any shape: flat, peaked, with ties and with tokens of probability 0. */
const laws = fc
  .record({
    logits: fc.array(
      fc.oneof(fc.double({ min: -30, max: 30, noNaN: true }), fc.constant(-Infinity), fc.constant(1)),
      {
        minLength: 2,
        maxLength: 60,
      },
    ),
    known: fc.nat(59),
    padding: fc.nat(5),
  })
  .filter(({ logits }) => logits.some((logit) => logit > -Infinity))
  .map(({ logits, known, padding }) => {
    const most = Math.max(...logits);
    const logSum = most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
    const all = logits.map((logit) => logit - logSum).sort((a, b) => b - a);
    const count = 1 + (known % all.length);
    return { all, top: topOf(all.slice(0, count)), vocabularySize: all.length + padding };
  });

const topOf = (logprobs: readonly number[]): TopTokens => ({
  ids: Int32Array.from(logprobs, (_, rank) => rank),
  logprobs: Float64Array.from(logprobs),
});

const logZ = (all: readonly number[], b: number): number =>
  Math.log(all.reduce((sum, log) => sum + (log > -Infinity ? Math.exp(b * log) : 0), 0));

const entropyOf = (all: readonly number[]): number =>
  all.reduce((sum, log) => sum - (log > -Infinity ? Math.exp(log) * log : 0), 0);

describe("what the likeliest tokens tell of a whole distribution", () => {
  it.each([0.25, 0.5, 1, 1.5, 2, 4, 16])("bounds log Z at 1/temperature %d from both sides", (b) => {
    fc.assert(
      fc.property(laws, ({ all, top, vocabularySize }) => {
        const { low, high } = boundLogNormalizer({ top, vocabularySize }, b);
        const actual = logZ(all, b);
        expect(low).toBeLessThanOrEqual(actual + 1e-9 * (1 + Math.abs(actual)));
        expect(high).toBeGreaterThanOrEqual(actual - 1e-9 * (1 + Math.abs(actual)));
        if (b >= 1) expect(high).toBeLessThanOrEqual(0);
      }),
      { seed: 7, numRuns: 400 },
    );
  });

  it("bounds the entropy from both sides", () => {
    fc.assert(
      fc.property(laws, ({ all, top, vocabularySize }) => {
        const { low, high } = boundEntropy({ top, vocabularySize });
        const actual = entropyOf(all);
        // Where a known mass may be rounded, −p log p may be less in between.
        expect(low).toBeLessThanOrEqual(actual + 1e-6);
        expect(high).toBeGreaterThanOrEqual(actual - 1e-6);
      }),
      { seed: 8, numRuns: 400 },
    );
  });

  it("is exact where all are known, and nearer the more of them are", () => {
    const all = Array.from({ length: 50 }, (_, rank) => -Math.log(rank + 1));
    const logSum = logZ(all, 1);
    const law = all.map((log) => log - logSum);
    const gapAt = (count: number): number => {
      const { low, high } = boundLogNormalizer({ top: topOf(law.slice(0, count)), vocabularySize: 50 }, 4);
      return high - low;
    };
    expect(gapAt(50)).toBe(0);
    const gaps = [2, 4, 8, 16, 32].map(gapAt);
    expect(gaps).toEqual(gaps.toSorted((a, b) => b - a));
    expect(gaps[0]).toBeGreaterThan(1e-3);
    expect(gaps[4]).toBeLessThan(1e-5);
  });

  it("takes what is known of a token beyond them", () => {
    const law = [0.4, 0.3, 0.1, 0.1, 0.1].map(Math.log);
    const known = { top: topOf(law.slice(0, 2)), vocabularySize: 5 };
    const without = boundLogNormalizer(known, 2);
    const withOne = boundLogNormalizer({ ...known, beyond: law[2]! }, 2);
    expect(withOne.high - withOne.low).toBeLessThan(without.high - without.low);
    expect(withOne.low).toBeLessThanOrEqual(logZ(law, 2) + 1e-12);
    expect(withOne.high).toBeGreaterThanOrEqual(logZ(law, 2) - 1e-12);
  });
});
