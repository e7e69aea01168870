import { describe, expect, it } from "vitest";
import { uniform } from "../../../src/core/random.ts";
import { readsAsUnmixed, splitRHat } from "../../../src/mcmc/mixing.ts";

/** Independent draws, uniform on an interval of width 1 that begins at `from`. */
function draws(chain: number, length: number, from = 0): number[] {
  const key = { seed: 3, choice: chain, stage: 0, step: 0 };
  return Array.from({ length }, (_, position) => from + uniform(key, "token", position));
}

describe("split R-hat", () => {
  it("is the formula, by hand", () => {
    // Halves 1,2 | 3,5 | 2,4 | 2,2: means 1.5, 4, 3, 2; variances 0.5, 2, 2, 0, so W = 1.125.
    // The means vary by 3.6875/3, so B = 2·1.229166… and R̂ = √(1/2 + B/(2W)).
    const expected = Math.sqrt(1 / 2 + 3.6875 / 3 / 1.125);
    expect(
      splitRHat([
        [1, 2, 3, 5],
        [2, 4, 2, 2],
      ]),
    ).toBeCloseTo(expected, 12);
  });

  it("is near 1 for chains of one law, and well above for chains of several", () => {
    const agreeing = [0, 1, 2, 3].map((chain) => draws(chain, 200));
    expect(splitRHat(agreeing)).toBeLessThan(1.02);
    expect(splitRHat([...agreeing, draws(4, 200, 2)])).toBeGreaterThan(1.5);
  });

  it("sees a drift that all chains share, which a comparison of whole chains does not", () => {
    const drifting = [0, 1].map((chain) => draws(chain, 100).map((value, step) => value + step / 20));
    expect(splitRHat(drifting)).toBeGreaterThan(1.5);
  });

  it("compares the last steps that all chains have", () => {
    const [long, short] = [draws(0, 300, 9).concat(draws(1, 50)), draws(2, 50)];
    expect(splitRHat([long, short])).toBe(splitRHat([long.slice(-50), short]));
    expect(splitRHat([draws(1, 51), short])).toBe(splitRHat([draws(1, 51).slice(-50), short]));
  });

  it("is infinite for chains that stand still apart, and undefined where there is nothing to compare", () => {
    const still = (value: number): number[] => new Array<number>(10).fill(value);
    expect(splitRHat([still(-0.1), still(-0.3)])).toBe(Infinity);
    expect(splitRHat([still(-0.1), still(-0.1)])).toBeUndefined();
    expect(splitRHat([draws(0, 100)])).toBeUndefined();
    expect(splitRHat([draws(0, 100), draws(1, 3)])).toBeUndefined();
    expect(splitRHat([])).toBeUndefined();
  });
});

describe("a chain reads as unmixed", () => {
  const stuck = { steps: 50, firstTokenChanges: 0, firstTokenProposals: 1, firstTokenEntropy: 0.95 };

  it("when the model was unsure of the first token and the chain hardly tried another", () => {
    expect(readsAsUnmixed(stuck)).toBe(true);
  });

  it.each([
    ["changed it", { firstTokenChanges: 1 }],
    ["tried others and turned them down", { firstTokenProposals: 5 }],
    ["had no other to change to", { firstTokenEntropy: 0.1 }],
    ["took no steps", { steps: 0, firstTokenProposals: 0 }],
  ])("and not when it %s", (_, difference) => {
    expect(readsAsUnmixed({ ...stuck, ...difference })).toBe(false);
  });
});
