import { describe, expect, it } from "vitest";
import { uniform } from "../../../src/core/random.ts";
import { disagreementBound, readsAsUnmixed, splitRHat } from "../../../src/mcmc/mixing.ts";

/** Independent draws, uniform on an interval of width 1 that begins at `from`. */
function draws(chain: number, length: number, from = 0): number[] {
  const key = { seed: 3, choice: chain, stage: 0, step: 0 };
  return Array.from({ length }, (_, position) => from + uniform(key, "token", position));
}

describe("split R-hat", () => {
  it("is the formula on normal scores of ranks, ties at their mean rank, by hand", () => {
    // Two scores alone: ranks 1.5 and 3.5 of 4 values give z = ±Φ⁻¹(…); halves (a, b) and (b, a) have equal means.
    expect(
      splitRHat([
        [1, 2, 2, 1],
        [2, 1, 1, 2],
      ]),
    ).toBeCloseTo(Math.sqrt(1 / 2), 6);
    // Eight ranks, Φ⁻¹((r − 3/8) / 8.25), r = 1 … 8; halves 1,2 | 5,6 | 3,4 | 7,8.
    const z = [-1.434_197, -0.852_495, -0.472_789, -0.152_506, 0.152_506, 0.472_789, 0.852_495, 1.434_197];
    const halves = [z.slice(0, 2), z.slice(4, 6), z.slice(2, 4), z.slice(6, 8)];
    const means = halves.map(([a, b]) => (a! + b!) / 2);
    const within = halves.reduce((sum, [a, b]) => sum + (a! - b!) ** 2 / 2, 0) / 4;
    const between = (2 * means.reduce((sum, value) => sum + value ** 2, 0)) / 3;
    const expected = Math.sqrt(1 / 2 + between / (2 * within));
    expect(
      splitRHat([
        [-9, -3, 1, 2],
        [-2, -1, 5, 80],
      ]),
    ).toBeCloseTo(expected, 4);
  });

  it("is that of any monotone scale of the values, and takes rounding of log p for a tie", () => {
    const chains = [0, 1, 2].map((chain) => draws(chain, 40).map((value) => Math.round(8 * value)));
    const rescaled = chains.map((chain) => chain.map((value) => value ** 3 - 100));
    const rounded = chains.map((chain) => chain.map((value, step) => value + (step % 3) * 1e-6));
    const ranks = (values: number[][]): number => splitRHat(values)!;
    expect(ranks(rounded)).toBeCloseTo(ranks(chains), 12);
    expect(Math.abs(ranks(rescaled) - ranks(chains))).toBeLessThan(0.05);
  });

  it("sees chains of one place and different spreads", () => {
    const wide = [0, 1].map((chain) => draws(chain, 100).map((value) => value - 0.5));
    const narrow = [2, 3].map((chain) => draws(chain, 100).map((value) => (value - 0.5) / 20));
    expect(splitRHat([...wide, ...narrow])).toBeGreaterThan(1.2);
  });

  it("is near 1 for chains of one law, and well above for chains of several", () => {
    const agreeing = [0, 1, 2, 3].map((chain) => draws(chain, 200));
    expect(splitRHat(agreeing)).toBeLessThan(1.02);
    expect(splitRHat([...agreeing, draws(4, 200, 2)])).toBeGreaterThan(1.4);
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

describe("chains disagree", () => {
  it("above 1.1 where they were long, and further off where they were short", () => {
    expect(disagreementBound(1000)).toBe(1.1);
    expect(disagreementBound(10)).toBeCloseTo(Math.sqrt(3), 12);
    expect(disagreementBound(40)).toBeLessThan(disagreementBound(20));
  });
});

describe("a chain reads as unmixed", () => {
  const token = (entropy: number, logprob = -1, logNormalizer = -0.5) => ({
    token: 1,
    logprob,
    logNormalizer,
    entropy,
  });
  const stuck = {
    target: { alpha: 4, inverseTemperature: 4 },
    horizon: 9,
    state: [token(0.95), token(1), token(0)],
    lastSteps: 50,
    proposed: [1, 30, 30],
    changed: [0, 20, 20],
  };

  it("when the model was unsure of the first token and the chain hardly tried another", () => {
    expect(readsAsUnmixed(stuck)).toEqual({ reason: "kept", position: 0, entropy: 0.95, proposed: 1 });
  });

  it("when that is so of the first token that it was unsure of, whichever it is", () => {
    const state = [token(0.1), token(0.2), token(0.7), token(2)];
    const tried = { state, proposed: [0, 1, 3, 90], changed: [0, 0, 0, 90] };
    expect(readsAsUnmixed({ ...stuck, ...tried })).toMatchObject({ position: 2, proposed: 4 });
    expect(readsAsUnmixed({ ...stuck, ...tried, proposed: [1, 1, 3] })).toBeUndefined();
    expect(readsAsUnmixed({ ...stuck, ...tried, changed: [0, 1] })).toBeUndefined();
  });

  it("when proposals from the model itself would leave that token, likely as it is at alpha", () => {
    const state = [token(0.95, -0.4, 0), token(1, -1, 0)];
    const target = { alpha: 4, inverseTemperature: 1 };
    expect(readsAsUnmixed({ ...stuck, state, target })).toMatchObject({ reason: "kept", position: 0 });
  });

  it.each([
    ["took no step on the whole completion", { lastSteps: 0, changed: [9], proposed: [9] }],
    ["took none, sure as the model was of each token", { lastSteps: 0, state: [token(0.1), token(0.1)] }],
  ])("when it %s", (_, difference) => {
    expect(readsAsUnmixed({ ...stuck, ...difference })).toEqual({ reason: "no_steps" });
  });

  it.each([
    ["changed it", { changed: [1] }],
    ["tried others and turned them down", { proposed: [5] }],
    ["would hardly ever propose another", { state: [token(0.95, -0.4, -1.599), token(1), token(0)] }],
    ["had no other to change to", { state: [token(0.1), token(0.1)] }],
    ["draws from the target", { target: { alpha: 1, inverseTemperature: 1 }, lastSteps: 0 }],
    ["has one token, drawn from its own power", { state: [token(2)], horizon: 1, lastSteps: 0 }],
    [
      "has one token that was open, its last",
      { state: [token(0.01, -0.001), token(2)], horizon: 2, lastSteps: 0 },
    ],
    ["has a completion that nothing rivals", { state: [token(0.9, -0.1), token(0, -0.01)], lastSteps: 0 }],
    ["has nothing drawn", { state: [], lastSteps: 0 }],
  ])("and not when it %s", (_, difference) => {
    expect(readsAsUnmixed({ ...stuck, ...difference })).toBeUndefined();
  });

  it.each([
    ["alpha 1 and other proposals", { target: { alpha: 1, inverseTemperature: 0.5 } }],
    [
      "one token of another power",
      { target: { alpha: 4, inverseTemperature: 1 }, state: [token(2)], horizon: 1 },
    ],
    ["a completion that ended where a longer one might", { state: [token(2)], horizon: 2 }],
  ])("nor is a draft a draw from the target with %s", (_, difference) => {
    expect(readsAsUnmixed({ ...stuck, lastSteps: 0, ...difference })).toBeDefined();
  });
});
