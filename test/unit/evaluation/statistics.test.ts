import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  answerEntropy,
  bootstrap,
  estimate,
  gainBounds,
  gainOver,
  mean,
  passAtK,
  quantile,
  resampleMean,
  resampleRatio,
  shareBounds,
} from "../../../src/evaluation/statistics.ts";
import type { Estimate, Resampled } from "../../../src/evaluation/statistics.ts";

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

describe("an estimate of a share", () => {
  const shareOf = (values: readonly number[]): Estimate => estimate(resampleMean(values, shareBounds));
  const times = (count: number, value: number): number[] => Array.from({ length: count }, () => value);

  // Upper limits of 0 of n in the tables of exact binomial limits, 95 %, two-sided.
  it.each([
    [10, 0.3085],
    [15, 0.218],
    [20, 0.1684],
    [30, 0.1157],
    [50, 0.0711],
    [100, 0.0362],
  ])("of %i questions, all or none of which are right, is Clopper and Pearson's", (count, limit) => {
    const [all, none] = [shareOf(times(count, 1)), shareOf(times(count, 0))];
    expect([all.value, all.high, none.value, none.low]).toEqual([1, 1, 0, 0]);
    expect(all.low).toBeCloseTo(1 - limit, 4);
    expect(none.high).toBeCloseTo(limit, 4);
  });

  it("covers as often as it says where nearly all are right, by the sum over all that may be", () => {
    const [count, right] = [50, 0.99];
    let [covered, byPercentiles] = [0, 0];
    for (let wrong = 0; wrong <= count; wrong++) {
      const values = [...times(count - wrong, 1), ...times(wrong, 0)];
      const probability = binomial(count, wrong) * (1 - right) ** wrong * right ** (count - wrong);
      const covers = ({ low, high }: Estimate): boolean => low <= right && right <= high;
      if (covers(shareOf(values))) covered += probability;
      if (covers(estimate(resampleMean(values)))) byPercentiles += probability;
    }
    expect(covered).toBeGreaterThan(0.95);
    expect(byPercentiles).toBeLessThan(0.5);
  });

  it("goes with what is right, question by question, and holds what is measured", () => {
    for (const count of [6, 7, 20, 100]) {
      const all = Array.from({ length: count + 1 }, (_, right) =>
        shareOf([...times(right, 1), ...times(count - right, 0)]),
      );
      for (const [right, { value, low, high }] of all.entries()) {
        expect([low, high].every((end) => end >= 0 && end <= 1)).toBe(true);
        expect(low).toBeLessThanOrEqual(value);
        expect(high).toBeGreaterThanOrEqual(value);
        const mirrored = all[count - right]!;
        // The resamples are not, but nearly.
        expect(Math.abs(low - (1 - mirrored.high))).toBeLessThan(1.01 / count);
        if (right === 0) continue;
        expect(low).toBeGreaterThanOrEqual(all[right - 1]!.low);
        expect(high).toBeGreaterThanOrEqual(all[right - 1]!.high);
      }
    }
  });

  it("that is the same for all is told as far as questions may be missed, on both sides", () => {
    const half = shareOf(times(20, 0.5));
    expect(half.low).toBeCloseTo(0.5 - 0.1684 / 2, 4);
    expect(half.high).toBeCloseTo(0.5 + 0.1684 / 2, 4);
  });

  it("is the percentiles' away from the ends", () => {
    const values = Array.from({ length: 200 }, (_, index) => (index % 5) / 4);
    expect(shareOf(values)).toEqual(estimate(resampleMean(values)));
  });

  it("of a gain tells as little of two that are right about the same questions as these can", () => {
    const answered = Array.from({ length: 20 }, (_, index) => index % 2);
    const same = resampleMean(answered, shareBounds);
    const none = estimate(resampleMean(times(20, 0), gainBounds));
    expect(none.low).toBeCloseTo(-0.1684, 4);
    expect(none.high).toBeCloseTo(0.1684, 4);
    expect(estimate(gainOver(same, same))).toEqual(none);
    // Better at each: the other limit is twice as far, as a gain goes from −1 to 1.
    const each = estimate(gainOver(resampleMean(times(20, 1), shareBounds), resampleMean(times(20, 0))));
    expect(each.low).toBeCloseTo(1 - 2 * 0.1684, 3);
    expect(each.high).toBe(1);
    // What differs shows by how much.
    const some = [...times(10, 0.1), ...times(10, 0)];
    expect(estimate(resampleMean(some, gainBounds))).toEqual(estimate(resampleMean(some)));
  });

  it("of a gain on a few questions alone is no surer than one on none", () => {
    const gainOn = (few: number, count: number): Estimate =>
      estimate(resampleMean([...times(few, 1), ...times(count - few, 0)], gainBounds));
    for (const count of [6, 20, 100, 1000]) {
      for (const few of [0, 1, 2, 3]) {
        const { value, low, high } = gainOn(few, count);
        expect(value).toBe(few / count);
        expect(low).toBeLessThan(0);
        expect(high).toBeGreaterThan(few === 0 ? 0 : gainOn(few - 1, count).high);
        const loss = estimate(resampleMean([...times(few, -1), ...times(count - few, 0)], gainBounds));
        expect(loss.low).toBeCloseTo(-high, 10);
        expect(loss.high).toBeCloseTo(-low, 10);
      }
    }
    // By the sign test five of six that are better may be so by chance.
    expect([gainOn(5, 6).low > 0, gainOn(6, 6).low > 0]).toEqual([false, true]);
  });

  it("of a gain that is the same for all but for rounding is that of one which is the same", () => {
    const [higher, lower] = [
      [0.3, 0.8, 0.9, 0.6],
      [0.2, 0.7, 0.8, 0.5],
    ].map((shares) =>
      resampleMean(
        times(5, 0).flatMap(() => shares),
        shareBounds,
      ),
    ) as [Resampled, Resampled];
    const gain = estimate(gainOver(higher, lower));
    const same = estimate(resampleMean(times(20, 0.1), gainBounds));
    expect([gain.low - same.low, gain.high - same.high].every((less) => Math.abs(less) < 1e-9)).toBe(true);
  });

  it("of a ratio is by the questions that have a say in it", () => {
    const area = estimate(
      resampleRatio([...times(10, 1), ...times(90, 0)], [...times(10, 1), ...times(90, 0)], shareBounds),
    );
    expect(area.low).toBeCloseTo(1 - 0.3085, 4);
    expect(area.high).toBe(1);
  });

  it("of what may be anything is left as it is", () => {
    expect(estimate(resampleMean(times(20, 5)))).toEqual({ value: 5, low: 5, high: 5 });
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
