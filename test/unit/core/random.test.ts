import { describe, expect, it } from "vitest";
import { narrowSeed, threefry4x32, uniform } from "../../../src/core/random.ts";

const hex = (words: readonly number[]): string =>
  words.map((word) => word.toString(16).padStart(8, "0")).join(" ");

describe("threefry4x32", () => {
  it("gives Random123's known answers", () => {
    const all = 0xffffffff;
    expect(hex(threefry4x32([0, 0, 0, 0], [0, 0, 0, 0]))).toBe("9c6ca96a e17eae66 fc10ecd4 5256a7d8");
    expect(hex(threefry4x32([all, all, all, all], [all, all, all, all]))).toBe(
      "2a881696 57012287 f6c7446e a16a6732",
    );
    expect(
      hex(
        threefry4x32(
          [0xa4093822, 0x299f31d0, 0x082efa98, 0xec4e6c89],
          [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
        ),
      ),
    ).toBe("59cd1dbb b8879579 86b5d00c ac8b6d84");
  });
});

describe("uniform", () => {
  const key = { seed: 7, choice: 0, stage: 0, step: 0 };

  it("depends on every part of its address", () => {
    const values = [
      uniform(key, "token"),
      uniform(key, "cut"),
      uniform(key, "accept"),
      uniform(key, "token", 1),
      uniform({ ...key, seed: 8 }, "token"),
      uniform({ ...key, seed: -7 }, "token"),
      uniform({ ...key, seed: 7 + 2 ** 40 }, "token"),
      uniform({ ...key, choice: 1 }, "token"),
      uniform({ ...key, stage: 1 }, "token"),
      uniform({ ...key, step: 1 }, "token"),
    ];
    expect(new Set(values).size).toBe(values.length);
    expect(uniform({ ...key }, "token")).toBe(values[0]);
  });

  it("fills the open unit interval evenly", () => {
    const draws = Array.from({ length: 20_000 }, (_, position) => uniform(key, "token", position));
    expect(Math.min(...draws)).toBeGreaterThan(0);
    expect(Math.max(...draws)).toBeLessThan(1);
    const mean = draws.reduce((sum, u) => sum + u, 0) / draws.length;
    const variance = draws.reduce((sum, u) => sum + (u - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.002);
  });
});

describe("narrowSeed", () => {
  it("leaves seeds within ±2^53 as they are", () => {
    for (const seed of [0n, 1n, -1n, 42n, 2n ** 53n - 1n, 1n - 2n ** 53n])
      expect(narrowSeed(seed)).toBe(Number(seed));
  });

  it("tells wider ones apart, neighbours and signs too", () => {
    const wide = [2n ** 53n, 2n ** 60n, 2n ** 63n - 2n, 2n ** 63n, 2n ** 64n - 2n].flatMap((seed) =>
      [seed, seed + 1n].flatMap((one) => [one, -one]),
    );
    const narrow = wide.map(narrowSeed);
    expect(new Set(narrow).size).toBe(new Set(wide).size);
    expect(narrow.every(Number.isSafeInteger)).toBe(true);
    // The same on every machine and in every version.
    expect(narrowSeed(2n ** 63n - 1n)).toBe(2_540_217_815_501_867);
  });
});
