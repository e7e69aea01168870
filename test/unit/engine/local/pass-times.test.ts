import { describe, expect, it } from "vitest";
import type { ExtendRequest } from "../../../../src/engine/engine.ts";
import { measurePassTimes } from "../../../../src/engine/local/measure-pass-times.ts";
import { PassTimes } from "../../../../src/engine/local/pass-times.ts";
import type { Batch } from "../../../../src/engine/local/runner.ts";
import { TimeCurve } from "../../../../src/engine/time-curve.ts";
import { createToyEngine, draftTimes, never } from "../../../support/toy-engine.ts";
import { createToyModel } from "../../../support/toy-model.ts";
import { ToyRunner } from "../../../support/toy-runner.ts";

/** A runner whose passes take `msOf` on a clock of its own. */
function simulate(msOf: (rows: number, tokens: number) => number, maxRowTokens = 20) {
  let clock = 0;
  const sizes: string[] = [];
  const runner = new ToyRunner(createToyModel(), {
    lanes: 12,
    capacity: 64,
    maxRowTokens,
    onStep: (batch: Batch) => {
      const tokens = batch[0]!.tokens.length;
      sizes.push(`${batch.length}x${tokens}`);
      clock += msOf(batch.length, tokens);
    },
  });
  return { runner, sizes, now: () => clock };
}

describe("TimeCurve", () => {
  const curve = () =>
    new TimeCurve([
      { size: 1, ms: 10 },
      { size: 4, ms: 16 },
      { size: 8, ms: 40 },
    ]);

  it("draws straight lines between its points and is level beyond them", () => {
    expect([0, 1, 2, 4, 6, 8, 100].map((size) => curve().at(size))).toEqual([10, 10, 12, 16, 28, 40, 40]);
  });

  it("finds the largest size within a time, the inverse of that", () => {
    expect([9, 10, 12, 13, 16, 28, 39.9, 40].map((ms) => curve().largestWithin(ms))).toEqual([
      0, 1, 2, 2, 4, 6, 7, 8,
    ]);
  });

  it("follows what passes take, and one hiccup hardly", () => {
    const moved = curve();
    for (let pass = 0; pass < 100; pass++) moved.observe(6, 56);
    expect(moved.at(6)).toBeCloseTo(56, 0);
    expect(moved.at(1)).toBe(10);
    const jolted = curve();
    jolted.observe(8, 1e6);
    expect(jolted.at(8)).toBeLessThan(60);
  });

  it("tries again what hiccups made look slow, once other sizes have been seen for a while", () => {
    const jolted = curve();
    for (let pass = 0; pass < 20; pass++) jolted.observe(8, 1e6);
    expect(jolted.at(8)).toBeGreaterThan(80);
    for (let pass = 0; pass < 1000; pass++) jolted.observe(1, 10);
    expect(jolted.at(8)).toBeCloseTo(40, 0);
  });

  it("stays above 0 where passes become far shorter than a steep curve said, and follows them there", () => {
    const steep = new TimeCurve([
      { size: 2, ms: 2 },
      { size: 4, ms: 6 },
    ]);
    for (let pass = 0; pass < 200; pass++) steep.observe(3, 0.5);
    expect(steep.at(3)).toBeCloseTo(0.5, 2);
    expect(steep.at(2)).toBeGreaterThan(0);
    for (let pass = 0; pass < 200; pass++) steep.observe(2, 0.4);
    expect(steep.at(2)).toBeCloseTo(0.4, 2);
  });

  it("takes the first thing it sees for all sizes when it knows nothing", () => {
    const blank = new TimeCurve([1, 2, 4].map((size) => ({ size, ms: 0 })));
    expect(blank.at(3)).toBe(0);
    blank.observe(2, 5);
    expect(blank.points.map(({ ms }) => ms)).toEqual([5, 5, 5]);
  });

  it("tries again what looked slow where nothing was measured at first", () => {
    const blank = new TimeCurve([1, 2, 4].map((size) => ({ size, ms: 0 })));
    blank.observe(1, 5);
    for (let pass = 0; pass < 30; pass++) blank.observe(4, 1e6);
    expect(blank.at(4)).toBeGreaterThan(20);
    for (let pass = 0; pass < 1000; pass++) blank.observe(1, 5);
    expect(blank.at(4)).toBeCloseTo(5, 1);
    for (let pass = 0; pass < 100; pass++) blank.observe(4, 30);
    expect(blank.at(4)).toBeCloseTo(30, 0);
    expect(blank.at(1)).toBeCloseTo(5, 1);
  });

  it("takes no size for slower than a larger one where nothing was measured at first", () => {
    const blank = new TimeCurve([1, 2, 4, 8].map((size) => ({ size, ms: 0 })));
    const rising = (): boolean =>
      blank.points.every(({ ms }, index) => index === 0 || ms >= blank.points[index - 1]!.ms);
    for (const [size, ms] of [
      [8, 20],
      [2, 50],
      [3, 10],
      [1, 40],
      [6, 5],
      [5, 90],
    ] as const) {
      for (let pass = 0; pass < 100; pass++) blank.observe(size, ms);
      expect(rising()).toBe(true);
      expect(blank.at(size) / ms).toBeGreaterThan(0.9);
    }
  });
});

describe("PassTimes", () => {
  const decode = [{ size: 1, ms: 10 }];
  const least = (...ms: readonly number[]) =>
    new PassTimes(
      decode,
      ms.map((each, index) => ({ size: 2 ** index, ms: each })),
    ).leastChunk;

  it("knows from which length on a token of a chunk costs no more than twice what it costs in the longest", () => {
    // Passes bound by reading weights, by arithmetic, by both; and of which nothing is known.
    expect(least(10, 10, 10, 10, 10)).toBe(8);
    expect(least(10, 20, 40, 80, 160)).toBe(1);
    expect(least(300, 310, 340, 600, 1200)).toBe(4);
    expect(least(0, 0, 0)).toBe(1);
  });

  it("takes it from the lines between, where only the smallest and the largest chunk were timed", () => {
    for (const [one, whole, expected] of [
      [9.4, 492, 4],
      [27.5, 452, 16],
      [250, 12_800, 4],
      [400, 400, 128],
    ] as const) {
      const times = new PassTimes(decode, [
        { size: 1, ms: one },
        { size: 256, ms: whole },
      ]);
      expect(times.leastChunk).toBe(expected);
    }
  });
});
describe("measurePassTimes", () => {
  it("times decode by rows and prefill by tokens on the runner", async () => {
    const { runner, now } = simulate((rows, tokens) => 1 + rows / 10 + tokens);
    const { report } = await measurePassTimes(runner, { now });
    expect(report.decode.map(({ rows }) => rows)).toEqual([1, 2, 4, 8, 12]);
    expect(report.prefill.map(({ tokens }) => tokens)).toEqual([1, 2, 4, 8, 16, 20]);
    for (const { rows, ms } of report.decode) expect(ms).toBeCloseTo(2 + rows / 10, 9);
    for (const { tokens, ms } of report.prefill) expect(ms).toBeCloseTo(1.1 + tokens, 9);
  });

  it("runs only the smallest and the largest passes of a slow model, once each", async () => {
    const { runner, sizes, now } = simulate((rows, tokens) => 600 * rows * tokens);
    const { report } = await measurePassTimes(runner, { now, budgetMs: 500 });
    expect(sizes).toEqual([
      ...["1x1", "12x1"],
      ...["1x1", "1x5", "1x9"],
      ...["1x1", "1x5", "1x9"],
      ...["1x1", "1x20"],
    ]);
    expect(report.decode).toEqual([
      { rows: 1, ms: 600 },
      { rows: 12, ms: 7200 },
    ]);
  });

  it("times no chunks where rows have one token each", async () => {
    const { runner, sizes, now } = simulate(() => 3, 1);
    const times = await measurePassTimes(runner, { now });
    expect(new Set(sizes)).toEqual(new Set(["1x1", "2x1", "4x1", "8x1", "12x1"]));
    expect(times.report.prefill).toEqual([]);
    expect(times.decodeMs(1)).toBe(3);
  });

  it("passes a runner's failure on", async () => {
    const { runner } = simulate(() => {
      throw new Error("device lost");
    });
    await expect(measurePassTimes(runner)).rejects.toThrow("device lost");
  });
});

describe("PassTimes", () => {
  const times = (ms = { decode: 4, prefill: 16 }) =>
    new PassTimes([{ size: 4, ms: ms.decode }], [{ size: 8, ms: ms.prefill }]);

  it("moves what a pass had, and both where it had rows and a chunk, each in proportion", () => {
    for (const [rows, chunk, decodeMs, chunkMs] of [
      [4, 0, 8, 16],
      [0, 8, 4, 8],
      [4, 8, 8, 32],
    ] as const) {
      const moved = times();
      const passMs = rows === 0 ? chunkMs : chunk === 0 ? decodeMs : decodeMs + chunkMs;
      for (let pass = 0; pass < 100; pass++) moved.observe(rows, chunk, passMs);
      expect(moved.decodeMs(4)).toBeCloseTo(decodeMs, 1);
      expect(moved.report.prefill[0]!.ms).toBeCloseTo(chunkMs, 1);
    }
  });

  it("knows tokens of several prompts beyond the longest chunk by what they cost in that", () => {
    const times = new PassTimes(
      [{ size: 1, ms: 5 }],
      [
        { size: 1, ms: 5 },
        { size: 10, ms: 20 },
      ],
    );
    expect([10, 15, 40].map((tokens) => times.prefillMs(tokens))).toEqual([20, 30, 80]);
    for (let pass = 0; pass < 200; pass++) times.observe(0, 40, 40);
    expect(times.prefillMs(40)).toBeCloseTo(40, 0);
    expect(times.prefillMs(10)).toBeCloseTo(10, 0);
  });

  it("divides the first pass of both by tokens", () => {
    const blank = times({ decode: 0, prefill: 0 });
    blank.observe(4, 8, 12);
    expect(blank.decodeMs(4)).toBeCloseTo(4, 9);
    expect(blank.report.prefill[0]!.ms).toBeCloseTo(8, 9);
  });
});

describe("a row with a draft", () => {
  const learning = (costOf: (tokens: number) => number) =>
    new PassTimes([{ size: 1, ms: 10 }], [], draftTimes(costOf));

  it("is timed on the runner, as far as rows may be long", async () => {
    const { runner, now } = simulate((_, tokens) => 9 + tokens, 6);
    const times = await measurePassTimes(runner, { now });
    expect([1, 2, 3, 4, 5].map((tokens) => times.rowCost(tokens))).toEqual(
      [1, 1.1, 1.2, 1.3, 1.4].map((cost) => expect.closeTo(cost, 9) as number),
    );
    expect(times.rowCost(6)).toBe(Infinity);
  });

  it("is known in times of a row without, so that all get slower and faster together", () => {
    const times = learning((tokens) => 1 + (tokens - 1) / 10);
    for (let pass = 0; pass < 200; pass++) times.observeAlone(1, 50);
    expect(times.decodeMs(1)).toBeCloseTo(50, 0);
    expect(times.rowCost(5)).toBeCloseTo(1.4, 9);
    for (let pass = 0; pass < 200; pass++) times.observeAlone(5, 100);
    expect(times.rowCost(5)).toBeCloseTo(2, 1);
  });

  it("is tried again after hiccups made it look slow", () => {
    const times = learning(() => 1.2);
    for (let pass = 0; pass < 20; pass++) times.observeAlone(9, 1e6);
    expect(times.rowCost(9)).toBeGreaterThan(3);
    for (let pass = 0; pass < 1000; pass++) times.observeAlone(1, 10);
    expect(times.rowCost(9)).toBeCloseTo(1.2, 1);
  });

  it("has no cost before one without was timed", () => {
    const times = PassTimes.unmeasured(simulate(() => 1).runner);
    expect(times.rowCost(2)).toBe(Infinity);
    times.observeAlone(1, 5);
    expect(times.decodeMs(1)).toBe(5);
    expect(times.rowCost(2)).toBe(Infinity);
  });
});

describe("the load of an engine", () => {
  it("says how many lanes there are, how many sequences are pulled, and what a pass takes", async () => {
    let release: (() => void) | undefined;
    await using engine = createToyEngine({
      lanes: 3,
      onStep: () => new Promise<void>((resolve) => (release = resolve)),
    });
    const request = (seed: number): ExtendRequest => ({
      prefix: [seed],
      maxTokens: 4,
      endTokens: new Set(),
      sampling: { inverseTemperature: 1 },
      draws: { seed, choice: 0, stage: 0, step: 0 },
      topCount: 0,
    });
    const pulls = [1, 2].map((seed) => {
      const extension = engine.extend(request(seed), never)[Symbol.asyncIterator]();
      return extension.next();
    });
    expect(engine.load()).toMatchObject({ lanes: 3, pulled: 2 });
    expect(engine.load().passMs(2)).toBe(0);
    await expect.poll(() => release).toBeDefined();
    release!();
    await Promise.all(pulls);
    expect(engine.load().pulled).toBe(0);
    expect(engine.load().passMs(2)).toBeGreaterThan(0);
  });

  it("comes from what was measured, where it was", () => {
    const times = new PassTimes([{ size: 1, ms: 7 }], []);
    expect(times.decodeMs(5)).toBe(7);
  });
});
