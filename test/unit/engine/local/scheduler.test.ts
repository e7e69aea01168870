import { setMaxListeners } from "node:events";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { priorities } from "../../../../src/engine/engine.ts";
import type { Engine, ExtendRequest, Priority } from "../../../../src/engine/engine.ts";
import { LocalEngine } from "../../../../src/engine/local/local-engine.ts";
import { measurePassTimes } from "../../../../src/engine/local/measure-pass-times.ts";
import type { Batch } from "../../../../src/engine/local/runner.ts";
import { turnTokens } from "../../../../src/engine/local/placed-sequence.ts";
import type { SchedulerSettings } from "../../../../src/engine/local/scheduler.ts";
import { createToyEngine, never, passesAt } from "../../../support/toy-engine.ts";
import type { ToySettings } from "../../../support/toy-engine.ts";
import { createToyModel } from "../../../support/toy-model.ts";
import { ToyRunner } from "../../../support/toy-runner.ts";

const model = createToyModel({ seed: 3, vocabularySize: 6, endBias: -20 });

interface Wish {
  readonly seed: number;
  readonly prefix?: readonly number[];
  readonly maxTokens?: number;
  readonly client?: string;
  readonly request?: string;
  readonly priority?: Priority;
  readonly isWatched?: boolean;
}

function toRequest({ seed, prefix, maxTokens = 40, ...whose }: Wish): ExtendRequest {
  const { client = "anyone", request, priority = "interactive", isWatched = true } = whose;
  return {
    prefix: prefix ?? [seed % 5, Math.floor(seed / 5) % 5, seed % 3],
    maxTokens,
    endTokens: new Set(),
    sampling: { inverseTemperature: 1 },
    draws: { seed, choice: 0, stage: 0, step: 0 },
    topCount: 0,
    share: request === undefined ? undefined : { client, request, priority, isWatched },
  };
}

async function draw(engine: Engine, wish: Wish, onToken?: (count: number) => void): Promise<number[]> {
  const tokens: number[] = [];
  for await (const run of engine.extend(toRequest(wish), never)) {
    for (const { token } of run) {
      tokens.push(token);
      onToken?.(tokens.length);
    }
  }
  return tokens;
}

const wishes = (count: number, first: number, rest: Omit<Wish, "seed"> = {}): Wish[] =>
  Array.from({ length: count }, (_, index) => ({ seed: first + index, ...rest }));

/** What each wish comes to when no other sequence shares anything with it. */
async function drawAlone(all: readonly Wish[]): Promise<number[][]> {
  await using engine = createToyEngine({
    model,
    capacity: 256,
    lanes: all.length,
    scheduler: { prefixStoreBytes: 0 },
  });
  return await Promise.all(
    all.map(({ seed, prefix, maxTokens }) => draw(engine, { seed, prefix, maxTokens } as Wish)),
  );
}

/** Tells when an engine begins its n-th pass. */
function watchPasses() {
  let passes = 0;
  const awaited = new Map<number, () => void>();
  return {
    onStep: () => awaited.get(++passes)?.(),
    reached: (pass: number) =>
      new Promise<void>((resolve) => {
        const others = awaited.get(pass);
        awaited.set(pass, () => {
          others?.();
          resolve();
        });
      }),
  };
}

/** No lane is left leased, and the check for lost ones that runs when the engine falls idle has passed. */
async function expectIdle(engine: LocalEngine): Promise<void> {
  await expect.poll(() => engine.health().details.sequences.open).toBe(0);
  expect(engine.health()).toMatchObject({
    status: "ok",
    details: { lanes: { leased: 0 }, sequences: { open: 0, waiting: 0 } },
  });
  // The check follows the last pass; one more request would find the engine failed.
  await draw(engine, { seed: 0, maxTokens: 1 });
  expect(engine.health().status).toBe("ok");
}

describe("prompts that find the engine idle", () => {
  /**
   * The rows of the first pass with one such prompt, where another comes a turn of the event loop later.
   * @param earlier what the request has drawn after before, if anything
   */
  async function firstRows(
    tokens: number,
    whose: Omit<Wish, "seed">,
    earlier?: readonly number[],
  ): Promise<number> {
    const rows: number[] = [];
    await using engine = createToyEngine({
      model,
      lanes: 4,
      capacity: 256,
      longRows: "fresh",
      // 20 ms, and 1 ms for each token.
      passTimes: passesAt(20),
      onStep: (batch: Batch) => {
        rows.push(batch.length);
      },
    });
    if (earlier !== undefined) {
      await draw(engine, { seed: 0, prefix: earlier, maxTokens: 1, ...whose });
      // The engine falls idle a turn after its last pass.
      await setImmediate();
      await setImmediate();
      await setImmediate();
      rows.length = 0;
    }
    const prefix = Array.from({ length: tokens }, (_, index) => index % 5);
    const drawn = draw(engine, { seed: 1, prefix, maxTokens: 1, ...whose });
    await setImmediate();
    await setImmediate();
    const other = draw(engine, { seed: 2, prefix: prefix.toReversed(), maxTokens: 1, ...whose });
    await Promise.all([drawn, other]);
    return rows[0]!;
  }

  it("wait a little for others that come with them, and run together", async () => {
    expect(await firstRows(8, { request: "unwatched", isWatched: false })).toBe(2);
  });

  it("do not where somebody watches", async () => {
    expect(await firstRows(8, { request: "watched" })).toBe(1);
  });

  it("do not where they hold all lanes", async () => {
    let passes = 0;
    await using engine = createToyEngine({
      model,
      lanes: 1,
      capacity: 256,
      longRows: "fresh",
      passTimes: passesAt(20),
      onStep: () => {
        passes++;
      },
    });
    const prefix = [0, 1, 2, 3, 4, 3, 2, 1];
    const drawn = draw(engine, { seed: 1, prefix, maxTokens: 1, request: "lone", isWatched: false });
    for (let turn = 0; turn < 3; turn++) await setImmediate();
    expect(passes).toBe(1);
    await drawn;
  });

  it("do not where their request has had one run, though it has closed that one's sequence", async () => {
    expect(await firstRows(8, { request: "chain", isWatched: false }, [5, 4, 3, 2, 1, 0])).toBe(1);
  });
});

describe("a long prompt beside a stream", () => {
  const prompt = Array.from({ length: 200 }, (_, index) => index % 5);
  const slowdown = { factor: 1 };

  /** An engine on a clock that passes move: 2 ms, half a millisecond a row, one for each further token. */
  async function simulate(settings: Partial<SchedulerSettings>) {
    let clock = 0;
    const now = (): number => clock;
    const chunks: number[] = [];
    const runner = new ToyRunner(model, {
      lanes: 4,
      capacity: 256,
      onStep: (batch: Batch) => {
        const { length } = batch[0]!.tokens;
        if (length > 1) chunks.push(length);
        clock += slowdown.factor * (2 + batch.length / 2 + (length - 1));
      },
    });
    const passTimes = await measurePassTimes(runner, { now });
    chunks.length = 0;
    const all = { prefillChunk: 64, prefixStoreBytes: 0, now, ...settings };
    return { engine: new LocalEngine(runner, all, passTimes), chunks, now };
  }

  /** The longest first. */
  async function gapsOf(settings: Partial<SchedulerSettings>, whose: Partial<Wish> = {}): Promise<number[]> {
    const { engine, now } = await simulate(settings);
    const gaps: number[] = [];
    let prefill: Promise<number[]> | undefined;
    let last = now();
    await draw(engine, { seed: 1, maxTokens: 60, request: "stream", ...whose }, (count) => {
      gaps.push(now() - last);
      last = now();
      if (count === 5) prefill = draw(engine, { seed: 2, prefix: prompt, maxTokens: 2 });
    });
    await prefill;
    await engine[Symbol.asyncDispose]();
    return gaps.slice(1).sort((a, b) => b - a);
  }

  const longestGap = async (...of: Parameters<typeof gapsOf>): Promise<number> => (await gapsOf(...of))[0]!;

  it("lengthens the stream's pauses no further than it is told", async () => {
    expect(await longestGap({ maxGapMs: 20 })).toBeLessThanOrEqual(20);
    expect(await longestGap({ maxGapMs: 20 })).toBeGreaterThan(15);
    expect(await longestGap({})).toBeGreaterThan(60);
  });

  it("goes in at least as fast as the stream runs, where passes leave no room", async () => {
    expect(await longestGap({ maxGapMs: 1 })).toBeLessThanOrEqual(2 * (2 + 2 / 2));
  });

  it("is not held up for batch work", async () => {
    expect(await longestGap({ maxGapMs: 20 }, { priority: "batch" })).toBeGreaterThan(60);
  });

  it("goes first where nobody watches, until that has held the request up for a second in all", async () => {
    const prompts = 2 + 200;
    expect(await longestGap({ maxGapMs: 20 }, { isWatched: false })).toBeGreaterThan(prompts);
    slowdown.factor = 20;
    const [longest, next] = await gapsOf({ maxGapMs: 20 }, { isWatched: false });
    slowdown.factor = 1;
    expect(longest).toBeGreaterThan(900);
    expect(longest).toBeLessThanOrEqual(1000);
    expect(next).toBeLessThan(250);
  });

  it("holds a request up for no more than that where its sequences come and go, as a chain's do", async () => {
    slowdown.factor = 5;
    const { engine, now } = await simulate({ maxGapMs: 20 });
    const others: Promise<unknown>[] = [];
    let heldUpMs = 0;
    for (let step = 0; step < 6; step++) {
      let last = now();
      await draw(engine, { seed: step, maxTokens: 10, request: "chain", isWatched: false }, (count) => {
        if (count > 1) heldUpMs += Math.max(0, now() - last - 100);
        last = now();
        if (count === 2) others.push(draw(engine, { seed: 100, prefix: prompt.slice(step), maxTokens: 1 }));
      });
    }
    await Promise.all(others);
    await expectIdle(engine);
    slowdown.factor = 1;
    expect(heldUpMs).toBeGreaterThan(700);
    expect(heldUpMs).toBeLessThanOrEqual(1000);
  });

  it("runs in whole chunks when nobody else does", async () => {
    const { engine, chunks } = await simulate({ maxGapMs: 20 });
    await draw(engine, { seed: 2, prefix: prompt, maxTokens: 2 });
    await engine[Symbol.asyncDispose]();
    expect(chunks).toEqual([64, 64, 64, 8]);
  });

  it("is cut anew when passes take longer than they did at the start", async () => {
    const { engine, chunks } = await simulate({ maxGapMs: 20 });
    const stream = draw(engine, { seed: 1, maxTokens: 200 });
    await draw(engine, { seed: 2, prefix: prompt, maxTokens: 1 });
    const before = chunks[1]!;
    slowdown.factor = 2;
    const other = prompt.map((token) => 4 - token);
    for (const seed of [3, 4]) await draw(engine, { seed, prefix: other.slice(seed), maxTokens: 1 });
    slowdown.factor = 1;
    await stream;
    await engine[Symbol.asyncDispose]();
    expect(chunks.at(-2)!).toBeLessThan(0.7 * before);
  });
});

describe("requests with more sequences than lanes", () => {
  /** Passes that a lone sequence waits for its first token, beside 64 that came before it. */
  async function passesWaited(request: string, settings: ToySettings = {}) {
    const crowd = wishes(64, 100, { request: "crowd" });
    const lone: Wish = { seed: 7, request };
    const { onStep, reached } = watchPasses();
    await using engine = createToyEngine({ model, lanes: 4, onStep, ...settings });
    const work = crowd.map((wish) => draw(engine, wish));
    await reached(10);
    const started = engine.health().details.passes;
    let waited = NaN;
    const answer = await draw(engine, lone, (count) => {
      if (count === 1) waited = engine.health().details.passes - started;
    });
    const answers = [...(await Promise.all(work)), answer];
    const { preemptions } = engine.health().details;
    await expectIdle(engine);
    expect(answers).toEqual(await drawAlone([...crowd, lone]));
    return { waited, preemptions };
  }

  it("serve one of a single sequence within a turn, with the same tokens and no lane lost", async () => {
    const { waited, preemptions } = await passesWaited("lone");
    expect(waited).toBeLessThanOrEqual(2 * turnTokens);
    expect(preemptions).toBe(1);
  });

  it("would make it wait for all the others if it were one of them", async () => {
    expect((await passesWaited("crowd")).waited).toBeGreaterThan(8 * turnTokens);
  });

  it("do so without a prefix store too, and where rows have one token each", async () => {
    const withoutStore = { scheduler: { prefixStoreBytes: 0 } };
    expect((await passesWaited("lone", withoutStore)).waited).toBeLessThanOrEqual(2 * turnTokens);
    expect((await passesWaited("lone", { maxRowTokens: 1 })).waited).toBeLessThanOrEqual(2 * turnTokens);
  });

  it("get as many lanes each, whichever came first, and change lanes no more than once a turn", async () => {
    const { onStep, reached } = watchPasses();
    await using engine = createToyEngine({ model, lanes: 5, onStep });
    const drawn = { early: 0, late: 0, last: 0 };
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    const run = async (request: keyof typeof drawn, wish: Wish): Promise<void> => {
      for await (const _ of engine.extend(toRequest({ ...wish, request }), controller.signal))
        drawn[request]++;
    };
    const work = (["early", "late", "last"] as const).flatMap((request, index) =>
      wishes(24, 100 * index, { maxTokens: 60 }).map((wish) => run(request, wish).catch(() => undefined)),
    );
    await reached(400);
    controller.abort();
    await Promise.all(work);
    const counts = Object.values(drawn);
    expect(Math.min(...counts)).toBeGreaterThan(0.7 * Math.max(...counts));
    const { preemptions, passes } = engine.health().details;
    expect(preemptions).toBeLessThanOrEqual((5 * passes) / turnTokens);
    await expectIdle(engine);
  });

  it.each([0, 4096])(
    "score a prompt whose lane is taken as if it had kept it; store of %i bytes",
    async (bytes) => {
      const tokens = Array.from({ length: 60 }, (_, index) => (index * index) % 5);
      const scheduler = { prefillChunk: 4, prefixStoreBytes: bytes };
      await using calm = createToyEngine({ model });
      const scores = await calm.score(tokens, { topCount: 0 }, never);
      expect(scores).toHaveLength(59);
      const { onStep, reached } = watchPasses();
      await using engine = createToyEngine({ model, lanes: 1, scheduler, onStep });
      const scored = engine.score(
        tokens,
        { topCount: 0, share: { client: "scoring", request: "scored", priority: "batch" } },
        never,
      );
      await reached(3);
      await draw(engine, { seed: 1, maxTokens: 3 });
      expect(engine.health().details.preemptions).toBe(1);
      expect(await scored).toEqual(scores);
      await expectIdle(engine);
    },
  );
});

describe("clients with more sequences than lanes", () => {
  /** 20 requests of 4 sequences each, all of one client. */
  const crowd = Array.from({ length: 20 }, (_, request) =>
    wishes(4, 100 + 4 * request, { client: "crowd", request: `crowd's ${request}`, maxTokens: 60 }),
  ).flat();

  /** Passes that one token of another client waits for, once the lanes are all taken. */
  async function passesWaited(client: string, settings: ToySettings = {}): Promise<number> {
    const { onStep, reached } = watchPasses();
    await using engine = createToyEngine({ model, lanes: 4, capacity: 128, onStep, ...settings });
    const work = crowd.map((wish) => draw(engine, wish));
    await reached(10);
    const started = engine.health().details.passes;
    const lone: Wish = { seed: 7, client, request: "lone", maxTokens: 1 };
    const answers = [await draw(engine, lone)];
    const waited = engine.health().details.passes - started;
    answers.push(...(await Promise.all(work)));
    await expectIdle(engine);
    expect(answers).toEqual(await drawAlone([lone, ...crowd]));
    return waited;
  }

  it("serve one of a single request at once, however many requests another has", async () => {
    expect(await passesWaited("lone")).toBeLessThanOrEqual(4);
    expect(await passesWaited("lone", { scheduler: { prefixStoreBytes: 0 } })).toBeLessThanOrEqual(4);
    expect(await passesWaited("lone", { maxRowTokens: 1 })).toBeLessThanOrEqual(6);
    expect(await passesWaited("crowd")).toBeGreaterThan(turnTokens / 2);
  });

  it("get as many lanes each, however many requests each has", async () => {
    const { onStep, reached } = watchPasses();
    await using engine = createToyEngine({ model, lanes: 4, capacity: 128, onStep });
    const drawn = { crowd: 0, pair: 0 };
    const leaving = new AbortController();
    setMaxListeners(0, leaving.signal);
    const pair = wishes(2, 1, { client: "pair", request: "pair's", maxTokens: 100 });
    const work = [...crowd, ...pair].map(async (wish) => {
      for await (const _ of engine.extend(toRequest(wish), leaving.signal))
        drawn[wish.client as keyof typeof drawn]++;
    });
    await reached(100);
    leaving.abort();
    await Promise.allSettled(work);
    expect(drawn.pair).toBeGreaterThan(0.8 * drawn.crowd);
    expect(drawn.pair).toBeLessThan(1.25 * drawn.crowd);
    await expectIdle(engine);
  });

  it("do not pass a lane to and fro where each has one", async () => {
    const { onStep, reached } = watchPasses();
    await using engine = createToyEngine({ model, lanes: 2, capacity: 128, onStep });
    const leaving = new AbortController();
    setMaxListeners(0, leaving.signal);
    const work = ["a", "b", "c"].map(async (client, seed) => {
      const wish = { seed, client, request: client, maxTokens: 100 };
      for await (const _ of engine.extend(toRequest(wish), leaving.signal));
    });
    await reached(100);
    const { preemptions, passes } = engine.health().details;
    expect(preemptions).toBeLessThanOrEqual((2 * passes) / turnTokens);
    leaving.abort();
    await Promise.allSettled(work);
    await expectIdle(engine);
  });

  it("have batch work of their own that takes nothing from their interactive work", async () => {
    const { onStep, reached } = watchPasses();
    await using engine = createToyEngine({ model, lanes: 4, capacity: 128, onStep });
    const leaving = new AbortController();
    setMaxListeners(0, leaving.signal);
    const drawn = { a: 0, b: 0 };
    const batch = wishes(8, 200, { client: "a", request: "batch", priority: "batch", maxTokens: 100 });
    const interactive = ["a", "b"].flatMap((client, index) =>
      wishes(4, 10 * index, { client, request: client, maxTokens: 100 }),
    );
    const run = async (wish: Wish): Promise<void> => {
      for await (const _ of engine.extend(toRequest(wish), leaving.signal))
        if (wish.priority === undefined) drawn[wish.client as keyof typeof drawn]++;
    };
    const work = batch.map(run);
    await reached(10);
    work.push(...interactive.map(run));
    await reached(110);
    leaving.abort();
    await Promise.allSettled(work);
    expect(drawn.a).toBeGreaterThan(0.8 * drawn.b);
    await expectIdle(engine);
  });
});

describe("batch work", () => {
  it("makes room for interactive work at once, waits for all of it, and then ends with the same tokens", async () => {
    const { onStep, reached } = watchPasses();
    await using engine = createToyEngine({ model, lanes: 4, onStep });
    const batch = wishes(6, 0, { request: "batch", priority: "batch" });
    const interactive = wishes(9, 50, { request: "interactive", maxTokens: 24 });
    let batchTokens = 0;
    const batchWork = batch.map((wish) => draw(engine, wish, () => batchTokens++));
    await reached(5);
    const started = engine.health().details.passes;
    let firstAfter = Infinity;
    let atLastAdmission = 0;
    let finished = 0;
    const answers = await Promise.all(
      interactive.map((wish) =>
        draw(engine, wish, (count) => {
          if (count === 1) firstAfter = Math.min(firstAfter, engine.health().details.passes - started);
          // Until five of nine have ended, the other four keep all lanes.
          if (count === 24 && ++finished === 5) atLastAdmission = batchTokens;
        }),
      ),
    );
    expect(firstAfter).toBeLessThanOrEqual(3);
    expect(atLastAdmission).toBeLessThanOrEqual(4 * 14);
    answers.push(...(await Promise.all(batchWork)));
    await expectIdle(engine);
    expect(answers).toEqual(await drawAlone([...interactive, ...batch]));
  });

  it("is shared evenly between its own requests", async () => {
    const { onStep, reached } = watchPasses();
    await using engine = createToyEngine({ model, lanes: 4, onStep });
    const crowd = wishes(32, 100, { request: "crowd", priority: "batch" }).map((wish) => draw(engine, wish));
    await reached(10);
    const started = engine.health().details.passes;
    await draw(engine, { seed: 7, request: "lone", priority: "batch", maxTokens: 1 });
    expect(engine.health().details.passes - started).toBeLessThanOrEqual(2 * turnTokens);
    await Promise.all(crowd);
    await expectIdle(engine);
  });
});

describe("sequences that begin alike", () => {
  const prompt = Array.from({ length: 40 }, (_, index) => (index * index) % 5);
  const once = 40 + 15 + 16 * 3;

  it.each([
    ["of one request", () => "same", {}],
    ["of one request, where rows have one token each", () => "same", { maxRowTokens: 1 }],
    ["of one request, where rows run in any company", () => "same", { longRows: "any" }],
    [
      "of several requests, where prompts run together",
      String,
      { longRows: "fresh", passTimes: passesAt(50), maxRowTokens: 256 },
    ],
    ["of several requests", String, {}],
    ["without a prefix store", () => "same", { scheduler: { prefixStoreBytes: 0 } }],
  ] as const)("run their prompt once: %s", async (_, requestOf, settings) => {
    await using engine = createToyEngine({ model, lanes: 16, ...settings });
    const all = wishes(16, 0, { prefix: prompt, maxTokens: 4 });
    const answers = await Promise.all(
      all.map((wish) => draw(engine, { ...wish, request: requestOf(wish.seed) })),
    );
    // Each runs the prompt's last token, for its logits, and three of the four that it draws.
    expect(engine.health().evaluatedTokens).toBe(once);
    expect(answers).toEqual(await drawAlone(all));
    await expectIdle(engine);
  });

  it.each([
    ["with nothing", 0],
    ["with one token", 1],
    ["with some tokens", 6],
  ])("run together where they begin %s in common, and end as each would alone", async (_, shared) => {
    const batches: Batch[] = [];
    await using engine = createToyEngine({
      model,
      lanes: 6,
      longRows: "fresh",
      passTimes: passesAt(30),
      onStep: (batch) => void batches.push(batch),
      scheduler: { prefillChunk: 64, prefixStoreBytes: 4096 },
    });
    const all = wishes(6, 0, { maxTokens: 5 }).map((wish) => ({
      ...wish,
      prefix: [...prompt.slice(0, shared), wish.seed % 5, ...prompt.slice(20, 24 + (wish.seed % 3))],
    }));
    const parted =
      shared === 0 ? all.map((wish, index) => ({ ...wish, prefix: [index % 5, ...wish.prefix] })) : all;
    const answers = await Promise.all(parted.map((wish) => draw(engine, wish)));
    expect(answers).toEqual(await drawAlone(parted));
    const long = batches.filter((batch) => batch.some(({ tokens }) => tokens.length > 1));
    expect(Math.max(...long.map(({ length }) => length))).toBeGreaterThan(2);
    expect(long.length).toBeLessThan(4);
    await expectIdle(engine);
  });

  it("run on from where they part", async () => {
    await using engine = createToyEngine({ model, lanes: 4, scheduler: { prefixStoreBytes: 0 } });
    const all: Wish[] = [
      { seed: 1, prefix: prompt, maxTokens: 1 },
      { seed: 2, prefix: [...prompt.slice(0, 30), 5, 5, 5, 5, 5, 5], maxTokens: 1 },
    ];
    const answers = await Promise.all(all.map((wish) => draw(engine, wish)));
    expect(engine.health().evaluatedTokens).toBe(40 + 6);
    expect(answers).toEqual(await drawAlone(all));
  });

  it("go on by themselves when the one they wait for is given up", async () => {
    const { onStep, reached } = watchPasses();
    await using engine = createToyEngine({ model, lanes: 4, scheduler: { prefillChunk: 2 }, onStep });
    const controller = new AbortController();
    const leader = draw(engine, { seed: 1, prefix: prompt }).catch(() => undefined);
    const given = engine.extend(
      toRequest({ seed: 9, prefix: [...prompt, 1, 1], request: "x" }),
      controller.signal,
    );
    const left = given[Symbol.asyncIterator]()
      .next()
      .catch(() => undefined);
    const follower = draw(engine, { seed: 2, prefix: [...prompt, 1, 1, 1], maxTokens: 5 });
    await reached(4);
    controller.abort();
    await Promise.all([leader, left]);
    expect(await follower).toEqual(
      (await drawAlone([{ seed: 2, prefix: [...prompt, 1, 1, 1], maxTokens: 5 }]))[0],
    );
    await expectIdle(engine);
  });
});

describe("a sequence that loses its lane to another and at once takes one from a third", () => {
  const prompt = Array.from({ length: 150 }, (_, index) => index % 5);

  it("does not wait for the one that waits for it", async () => {
    const { onStep, reached } = watchPasses();
    let firstChunk: (() => void) | undefined;
    const onBatch = (batch: Batch): void => {
      onStep();
      if (batch[0]!.tokens.length === 40) firstChunk?.();
    };
    const scheduler = { prefixStoreBytes: 0, prefillChunk: 40 };
    await using engine = createToyEngine({ model, lanes: 7, capacity: 256, scheduler, onStep: onBatch });
    const early: Wish[] = [
      ...[0, 1, 2].map((seed) => ({ seed, prefix: [seed, 5, 3], request: "other", maxTokens: 120 })),
      ...[0, 1].map((seed) => ({ seed, prefix: [seed, 4, 3], request: "leader's", maxTokens: 120 })),
    ];
    const leader: Wish = { seed: 7, prefix: prompt, request: "leader's", maxTokens: 5 };
    const late: Wish[] = [
      { seed: 8, prefix: prompt, request: "follower's", maxTokens: 5 },
      { seed: 9, prefix: [4, 4], request: "taker's", maxTokens: 20 },
    ];
    const work = early.map((wish) => draw(engine, wish));
    await reached(turnTokens + 10);
    const chunk = new Promise<void>((resolve) => (firstChunk = resolve));
    work.push(draw(engine, leader));
    await chunk;
    work.push(...late.map((wish) => draw(engine, wish)));
    const answers = await Promise.all(work);
    expect(answers).toEqual(
      await drawAlone([...early, leader, ...late].map(({ request: _, ...wish }) => wish)),
    );
    await expectIdle(engine);
  });
});

describe("whatever comes together", () => {
  const long = Array.from({ length: 24 }, (_, index) => (index * index) % 5);
  const wish = fc.record({
    // Prompts that share their beginnings, and part at some place.
    shared: fc.integer({ min: 1, max: 24 }),
    own: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 6 }),
    maxTokens: fc.integer({ min: 1, max: 44 }),
    tenant: fc.integer({ min: 0, max: 8 }),
    startPass: fc.integer({ min: 0, max: 30 }),
    leavesAfter: fc.option(fc.integer({ min: 0, max: 30 }), { nil: Infinity }),
  });
  const engines = fc.record({
    lanes: fc.integer({ min: 1, max: 4 }),
    prefillChunk: fc.integer({ min: 1, max: 8 }),
    prefixStoreBytes: fc.constantFrom(0, 64, 4096),
    maxRowTokens: fc.constantFrom(1, 64),
    longRows: fc.constantFrom("alone" as const, "fresh" as const, "any" as const),
    passMs: fc.constantFrom(0, 5, 100),
  });

  it("ends with the tokens of each alone, and no lane lost", async () => {
    await fc.assert(
      fc.asyncProperty(engines, fc.array(wish, { minLength: 2, maxLength: 12 }), async (settings, list) => {
        const { prefillChunk, prefixStoreBytes, passMs, ...runner } = settings;
        const passTimes = passesAt(passMs);
        const scheduler = { prefillChunk, prefixStoreBytes };
        let passes = 0;
        const onStep = (): void => {
          passes++;
        };
        await using engine = createToyEngine({
          model,
          capacity: 128,
          ...runner,
          passTimes,
          scheduler,
          onStep,
        });
        // With nothing under way the pass would never come.
        const reachedOrIdle = async (pass: number): Promise<void> => {
          do await setImmediate();
          while (passes < pass && engine.health().details.sequences.open > 0);
        };
        const all = list.map(({ shared, own, ...rest }, seed) => ({
          ...rest,
          seed,
          prefix: [...long.slice(0, shared), ...own],
        }));
        const expected = await drawAlone(all);
        const started = all.map(async ({ startPass, leavesAfter, tenant, ...rest }) => {
          if (startPass > 0) await reachedOrIdle(startPass);
          const tokens: number[] = [];
          // Tenant 0 stands for sequences without a share; odd ones are batch work; three clients have the others.
          const share = {
            client: String(tenant % 3),
            request: String(tenant),
            priority: priorities[tenant % 2]!,
          };
          for await (const run of engine.extend(toRequest({ ...rest, ...(tenant > 0 && share) }), never)) {
            tokens.push(...run.map(({ token }) => token));
            if (tokens.length > leavesAfter) break;
          }
          return tokens;
        });
        const drawn = await Promise.all(started);
        for (const [index, tokens] of drawn.entries()) {
          const { leavesAfter } = all[index]!;
          expect(tokens).toEqual(expected[index]!.slice(0, leavesAfter + 1));
        }
        await expectIdle(engine);
      }),
      { numRuns: 40, seed: 1 },
    );
  });
});
