import { describe, expect, it } from "vitest";
import { effectiveSampleSize, keepByWeight, resampleSystematically } from "../../../src/mcmc/resampling.ts";

const logs = (weights: readonly number[]): number[] => weights.map(Math.log);

describe("the effective number of particles", () => {
  it("is their number for equal weights, 1 for one that has all, and free of scale", () => {
    expect(effectiveSampleSize([-5, -5, -5, -5])).toBeCloseTo(4, 12);
    expect(effectiveSampleSize(logs([1, 0, 0]))).toBe(1);
    expect(effectiveSampleSize(logs([2, 1, 1]))).toBeCloseTo(16 / 6, 12);
    expect(effectiveSampleSize([-1000, -1000.5])).toBeCloseTo(effectiveSampleSize([0, -0.5]), 12);
  });
});

describe("systematic resampling", () => {
  const weights = [0.05, 0.4, 0, 0.32, 0.23];

  it("gives each particle its share of offspring on average, and never off by one or more", () => {
    const totals = new Array<number>(weights.length).fill(0);
    const draws = 1000;
    for (let draw = 0; draw < draws; draw++) {
      const ancestors = resampleSystematically(logs(weights), (draw + 0.5) / draws);
      expect(ancestors).toHaveLength(weights.length);
      for (const [index, weight] of weights.entries()) {
        const offspring = ancestors.filter((ancestor) => ancestor === index).length;
        expect(Math.abs(offspring - weights.length * weight)).toBeLessThan(1);
        totals[index]! += offspring / draws;
      }
    }
    for (const [index, weight] of weights.entries())
      expect(totals[index]).toBeCloseTo(weights.length * weight, 2);
  });

  it("leaves survivors where they are", () => {
    const ancestors = resampleSystematically(logs(weights), 0.4);
    for (const survivor of new Set(ancestors)) expect(ancestors[survivor]).toBe(survivor);
  });

  it("keeps everyone at equal weights, whatever the rounding", () => {
    for (const count of [2, 3, 7, 10, 49, 256]) {
      const everyone = Array.from({ length: count }, (_, index) => index);
      for (const u of [1e-9, 0.3, 1 - 1e-9])
        expect(resampleSystematically(new Array<number>(count).fill(-1234.5), u)).toEqual(everyone);
    }
  });
});

describe("keeping by weight", () => {
  const draws = 4096;
  for (const { name, weights } of [
    { name: "one that outweighs the rest", weights: [0.9, 0.05, 0.03, 0.02] },
    { name: "equal ones", weights: [1, 1, 1, 1, 1, 1, 1] },
    { name: "some of no weight", weights: [0, 3, 0, 1, 0.001, 2] },
    { name: "many small ones", weights: Array.from({ length: 40 }, (_, index) => 1 / (1 + index)) },
  ]) {
    it(`keeps the most at most, and every weight on average: ${name}`, () => {
      for (const most of [1, 2, 5]) {
        const means = weights.map(() => 0);
        const logThreshold = Math.log(weights.reduce((sum, weight) => sum + weight, 0) / most);
        for (let draw = 0; draw < draws; draw++) {
          const kept = keepByWeight(logs(weights), logThreshold, (draw + 0.5) / draws);
          expect(kept.length).toBeLessThanOrEqual(most);
          for (const { index, logWeight } of kept) means[index]! += Math.exp(logWeight) / draws;
        }
        for (const [index, weight] of weights.entries()) expect(means[index]).toBeCloseTo(weight, 2);
      }
    });
  }

  it("keeps for certain, as it is, what weighs as much as the threshold", () => {
    for (const u of [0, 0.4, 1 - 1e-9]) {
      const kept = keepByWeight(logs([6, 1, 3]), Math.log(6), u);
      expect(kept).toContainEqual({ index: 0, logWeight: Math.log(6) });
    }
  });
});
