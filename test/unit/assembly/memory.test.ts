import { describe, expect, it } from "vitest";
import { cacheBudget, checkContext, checkMemory, fitCache } from "../../../src/assembly/memory.ts";

const gib = 1024 ** 3;
const size = { lanes: 16, capacity: 4096, bytesPerToken: 64 * 1024 };

describe("fitCache", () => {
  it("knows what fits to the byte", () => {
    expect(fitCache(size, 4 * gib)).toMatchObject({ neededBytes: 4 * gib, fits: true });
    expect(fitCache(size, 4 * gib - 1)).toMatchObject({ fits: false });
  });

  it.each([
    [size, gib, "--lanes 4, or --context 1024 with 16 lanes, would fit"],
    [size, gib / 8, "--lanes 1 --context 2048 would fit"],
    [{ ...size, lanes: 100_000 }, gib, "--lanes 4 would fit"],
    [size, 0, "the weights leave no room for a cache; use a smaller --dtype or model"],
  ])("says what would fit: %j in %i", (asked, budget, advice) => {
    const fit = fitCache(asked, budget);
    expect(fit).toMatchObject({ fits: false, advice });
    const [, lanes = "1"] = /--lanes (\d+)/.exec(advice) ?? [];
    const [, context = "4096"] = /^--lanes \d+ --context (\d+)/.exec(advice) ?? [];
    if (budget > 0)
      expect(fitCache({ ...asked, lanes: Number(lanes), capacity: Number(context) }, budget).fits).toBe(true);
  });
});

describe("cacheBudget", () => {
  it("leaves the weights their room", () => {
    expect(cacheBudget(0, 10 * gib)).toBe(6 * gib);
    expect(cacheBudget(5 * gib, 10 * gib)).toBe(3 * gib);
    expect(cacheBudget(11 * gib, 10 * gib)).toBe(0);
  });
});

describe("checkContext", () => {
  it("takes what the model was made for, and anything where it does not say", () => {
    checkContext(undefined, 256);
    checkContext(256, 256);
    checkContext(100_000, undefined);
    expect(() => {
      checkContext(257, 256);
    }).toThrow(/--context 257 is more than the 256 positions .* Use 256 or less/);
  });
});

describe("checkMemory", () => {
  it("says how much there is, and what would fit", () => {
    expect(() => {
      checkMemory(size, gib);
    }).toThrow(/needs 4096 MiB; 1024 MiB .* beside the weights: --lanes 4, or --context 1024/);
  });
});
