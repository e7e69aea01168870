import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  answerEntropy,
  bootstrap,
  estimate,
  mean,
  passAtK,
  quantile,
  resampleMean,
  resampleRatio,
} from "../../../src/evaluation/statistics.ts";
import type { Estimate } from "../../../src/evaluation/statistics.ts";

const binomial = (n: number, k: number): number => {
  let value = 1;
  for (let i = 1; i <= k; i++) value = (value * (n - k + i)) / i;
  return k > n ? 0 : value;
};

describe("passAtK", () => {
  it("is 1 − C(n−c, k)/C(n, k)", () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 40 })
          .chain((n) =>
            fc.tuple(fc.constant(n), fc.integer({ min: 0, max: n }), fc.integer({ min: 1, max: n })),
          ),
        ([n, c, k]) => {
          expect(passAtK(n, c, k)).toBeCloseTo(1 - binomial(n - c, k) / binomial(n, k), 9);
        },
      ),
    );
  });

  it("has the values that one can work out", () => {
    expect(passAtK(4, 1, 1)).toBeCloseTo(1 / 4);
    expect(passAtK(4, 2, 2)).toBeCloseTo(5 / 6);
    expect(passAtK(16, 0, 16)).toBe(0);
    expect(passAtK(16, 1, 16)).toBe(1);
    expect(() => passAtK(4, 1, 5)).toThrow(/needs/);
  });
});

describe("bootstrap", () => {
  it("covers a mean at the rate it claims", () => {
    let covered = 0;
    const runs = 200;
    for (let run = 0; run < runs; run++) {
      // A linear congruential stream is random enough for a mean of .5.
      let state = run * 7919 + 1;
      const values = Array.from({ length: 60 }, () => {
        state = (state * 1103515245 + 12345) % 2 ** 31;
        return state / 2 ** 31;
      });
      const { low, high } = bootstrap(values, mean, { resamples: 300, seed: run });
      if (low <= 0.5 && 0.5 <= high) covered++;
    }
    expect(covered / runs).toBeGreaterThan(0.88);
    expect(covered / runs).toBeLessThan(0.99);
  });

  it("comes close to the normal interval, repeats itself, and pairs lists of one seed", () => {
    const values = Array.from({ length: 400 }, (_, index) => index % 2);
    const { value, low, high } = bootstrap(values, mean);
    expect(value).toBe(0.5);
    expect(low).toBeCloseTo(0.5 - (1.96 * 0.5) / 20, 2);
    expect(high).toBeCloseTo(0.5 + (1.96 * 0.5) / 20, 2);
    expect(bootstrap(values, mean)).toEqual({ value, low, high });
    const constantGap = values.map((one): readonly [number, number] => [one + 0.1, one]);
    const gap = bootstrap(constantGap, (pairs) => mean(pairs.map(([a, b]) => a - b)));
    expect(gap.low).toBeCloseTo(0.1);
    expect(gap.high).toBeCloseTo(0.1);
  });

  it("is the same for means and ratios of them, all paired", () => {
    const members = [1, 4, 2, 8, 5, 7].map((value, index) => ({ value, weight: index % 3 }));
    const values = members.map(({ value }) => value);
    const weights = members.map(({ weight }) => weight);
    const close = (of: Estimate): unknown => ({
      value: expect.closeTo(of.value, 12) as number,
      low: expect.closeTo(of.low, 12) as number,
      high: expect.closeTo(of.high, 12) as number,
    });
    expect(estimate(resampleMean(values))).toEqual(close(bootstrap(values, mean)));
    const ratio = bootstrap(
      members,
      (own) => mean(own.map(({ value }) => value)) / mean(own.map(({ weight }) => weight)),
    );
    expect(estimate(resampleRatio(values, weights))).toEqual(close(ratio));
    expect(estimate(resampleRatio([3], [4]))).toEqual({ value: 0.75, low: NaN, high: NaN });
    // Resamples without a denominator have no ratio, and count for nothing.
    const some = [0, 0, 0, 1, 1, 1];
    expect(estimate(resampleRatio(some, some))).toEqual({ value: 1, low: 1, high: 1 });
  });

  it("takes five questions that agree for chance, as the sign test does, and six for none", () => {
    const gains = (count: number): number[] => Array.from({ length: count }, () => 1);
    expect(estimate(resampleMean(gains(5)))).toEqual({ value: 1, low: NaN, high: NaN });
    expect(estimate(resampleMean(gains(6)))).toEqual({ value: 1, low: 1, high: 1 });
  });

  it("claims no interval of a single member", () => {
    expect(bootstrap([3], mean)).toEqual({ value: 3, low: NaN, high: NaN });
  });
});

describe("answerEntropy and quantile", () => {
  it("have closed forms", () => {
    expect(answerEntropy(["5", "5", "5"])).toBeCloseTo(0);
    expect(answerEntropy(["1", "2", "3", "4"])).toBeCloseTo(Math.log(4));
    expect(quantile([1, 2, 3, 4, 5], 0.5)).toBe(3);
    expect(quantile([0, 10], 0.25)).toBe(2.5);
    expect(quantile([7], 0.9)).toBe(7);
  });
});
