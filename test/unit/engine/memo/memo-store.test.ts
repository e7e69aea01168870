import { describe, expect, it } from "vitest";
import type { Engine, ExtendRequest } from "../../../../src/engine/engine.ts";
import type { MemoKey } from "../../../../src/engine/memo/memos.ts";
import { MemoStore } from "../../../../src/engine/memo/memo-store.ts";
import { createToyEngine, never } from "../../../support/toy-engine.ts";
import { createToyModel } from "../../../support/toy-model.ts";

const requestOf = (prompt: readonly number[], seed: number): ExtendRequest => ({
  prefix: prompt,
  maxTokens: 8,
  endTokens: new Set(),
  sampling: { inverseTemperature: 2 },
  draws: { seed, choice: 0, stage: 0, step: 0 },
  topCount: 0,
});

async function drawn(engine: Engine, prompt: readonly number[], seed = 1): Promise<number[]> {
  const tokens: number[] = [];
  for await (const run of engine.extend(requestOf(prompt, seed), never))
    tokens.push(...run.map(({ token }) => token));
  return tokens;
}

const key = (prompt: readonly number[]): MemoKey => ({
  prompt,
  inverseTemperature: 2,
  priority: "interactive",
});

describe("MemoStore", () => {
  it("lets a later request walk where an earlier one with the same prompt has been", async () => {
    await using engine = createToyEngine();
    const store = new MemoStore(1_000_000);
    const first = await drawn(store.share(engine, key([0, 1])), [0, 1]);
    const { evaluatedTokens } = engine.health();
    expect(await drawn(store.share(engine, key([0, 1])), [0, 1])).toEqual(first);
    expect(engine.health().evaluatedTokens).toBe(evaluatedTokens);
    expect(store.health()).toMatchObject({ prompts: 1, maxBytes: 1_000_000 });
    // Another prompt and another law know nothing of it, and a chain's own memo neither.
    await drawn(store.share(engine, key([1, 1])), [1, 1]);
    await drawn(store.own(engine, key([0, 1])), [0, 1]);
    expect(engine.health().evaluatedTokens).toBeGreaterThanOrEqual(evaluatedTokens + 16);
    expect(store.health().prompts).toBe(2);
  });

  it("asks the model once where chains of a prompt come to a prefix together", async () => {
    await using engine = createToyEngine({ lanes: 8 });
    const store = new MemoStore(1_000_000);
    const together = await Promise.all(
      Array.from({ length: 8 }, () => drawn(store.share(engine, key([0, 1, 2])), [0, 1, 2])),
    );
    expect(new Set(together.map((tokens) => tokens.join())).size).toBe(1);
    // The prompt, and each token but the last once.
    expect(engine.health().evaluatedTokens).toBe(3 + 7);
  });

  it("goes on by itself where the one who asks gives up", async () => {
    await using engine = createToyEngine({ lanes: 2 });
    const store = new MemoStore(1_000_000);
    const controller = new AbortController();
    const leaving = store.share(engine, key([2, 1])).extend(requestOf([2, 1], 1), controller.signal);
    const left = leaving[Symbol.asyncIterator]().next();
    const staying = drawn(store.share(engine, key([2, 1])), [2, 1]);
    controller.abort();
    await expect(left).rejects.toMatchObject({ code: "aborted" });
    expect(await staying).toHaveLength(8);
    expect(engine.health().details.lanes.leased).toBe(0);
  });

  it("lets go of whoever waits for another's answer and gives up", async () => {
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    await using engine = createToyEngine({ lanes: 2, onStep: () => held });
    const store = new MemoStore(1_000_000);
    const asking = drawn(store.share(engine, key([2, 1])), [2, 1]);
    const controller = new AbortController();
    const waiting = store.share(engine, key([2, 1])).extend(requestOf([2, 1], 2), controller.signal);
    const left = waiting[Symbol.asyncIterator]().next();
    setImmediate(() => {
      controller.abort();
    });
    // The pass of the request that asks is still under way.
    await expect(left).rejects.toMatchObject({ code: "aborted" });
    release();
    expect(await asking).toHaveLength(8);
  });

  it("has nobody wait for the turn of another request while lanes are short", async () => {
    const model = createToyModel({ seed: 3, vocabularySize: 6, endBias: -20 });
    await using engine = createToyEngine({ model, lanes: 4, capacity: 128 });
    const store = new MemoStore(10_000_000);
    const draw = async (request: string, seed: number, maxTokens: number): Promise<void> => {
      const share = { client: "a", request, priority: "interactive" as const };
      const wish = { ...requestOf([0, 1], seed), maxTokens, sampling: { inverseTemperature: 1 }, share };
      const memo = store.share(engine, { ...key([0, 1]), inverseTemperature: 1 });
      for await (const _run of memo.extend(wish, never));
    };
    let isOver = false;
    const crowd = Promise.all(Array.from({ length: 64 }, (_, seed) => draw("crowd", seed, 100))).then(() => {
      isOver = true;
    });
    await expect.poll(() => engine.health().details.passes, { interval: 1 }).toBeGreaterThan(10);
    const before = engine.health().details.passes;
    await draw("lone", 1007, 10);
    expect(isOver).toBe(false);
    expect(engine.health().details.passes - before).toBeLessThan(60);
    await crowd;
  });

  it("asks again where a request wants more of the likeliest tokens than are remembered", async () => {
    const model = createToyModel({ seed: 1, vocabularySize: 120, endBias: -20 });
    await using engine = createToyEngine({ model });
    const store = new MemoStore(1_000_000);
    const widths = async (topCount: number): Promise<number[]> => {
      const widths: number[] = [];
      const wish = { ...requestOf([0, 1], 3), topCount };
      for await (const run of store.share(engine, key([0, 1])).extend(wish, never))
        widths.push(...run.map(({ top }) => top!.ids.length));
      return widths;
    };
    expect(await widths(5)).toEqual(Array(8).fill(5));
    expect(await widths(100)).toEqual(Array(8).fill(100));
    const { evaluatedTokens } = engine.health();
    expect(await widths(100)).toEqual(Array(8).fill(100));
    expect(await widths(5)).toEqual(Array(8).fill(5));
    // No distribution has more than the whole vocabulary.
    expect(await widths(200)).toEqual(Array(8).fill(120));
    expect(await widths(200)).toEqual(Array(8).fill(120));
    expect(engine.health().evaluatedTokens).toBeLessThanOrEqual(evaluatedTokens + 8);
  });

  it("keeps what is read over and over, though others grow", async () => {
    await using engine = createToyEngine();
    const store = new MemoStore(40_000);
    await drawn(store.share(engine, key([0, 1])), [0, 1]);
    for (let prompt = 0; prompt < 12; prompt++) {
      const tokens = [2, prompt % 3, Math.floor(prompt / 3)];
      await drawn(store.share(engine, key(tokens)), tokens);
      const { evaluatedTokens } = engine.health();
      await drawn(store.share(engine, key([0, 1])), [0, 1]);
      expect(engine.health().evaluatedTokens).toBe(evaluatedTokens);
    }
    expect(store.health().prompts).toBeLessThan(13);
  });

  it("counts the prefixes that completions end at", async () => {
    const model = createToyModel({ seed: 1, vocabularySize: 60 });
    await using engine = createToyEngine({ model });
    const store = new MemoStore(1_000_000);
    const last = async (seed: number): Promise<void> => {
      const wish = { ...requestOf([0, 1], seed), maxTokens: 1, sampling: { inverseTemperature: 1 } };
      const memo = store.share(engine, { ...key([0, 1]), inverseTemperature: 1 });
      for await (const _run of memo.extend(wish, never));
    };
    await last(0);
    const { bytes } = store.health();
    for (let seed = 1; seed < 100; seed++) await last(seed);
    expect(store.health().bytes).toBeGreaterThan(bytes + 20 * 100);
  });

  it("stays within its budget, forgets the oldest, and draws the same tokens all the while", async () => {
    await using bare = createToyEngine();
    await using engine = createToyEngine();
    const store = new MemoStore(30_000);
    let most = 0;
    for (let round = 0; round < 3; round++) {
      for (let prompt = 0; prompt < 12; prompt++) {
        const tokens = [prompt % 3, prompt % 2, Math.floor(prompt / 6)];
        expect(await drawn(store.share(engine, key(tokens)), tokens, prompt)).toEqual(
          await drawn(bare, tokens, prompt),
        );
        most = Math.max(most, store.health().bytes);
      }
    }
    expect(most).toBeGreaterThan(20_000);
    expect(most).toBeLessThanOrEqual(30_000);
    expect(store.health().prompts).toBeLessThan(12);
  });

  it("starts again where one prompt outgrows the budget", async () => {
    await using bare = createToyEngine();
    await using engine = createToyEngine();
    const store = new MemoStore(4000);
    for (const memo of [store.share(engine, key([0])), store.own(engine, key([0]))]) {
      for (let seed = 0; seed < 10; seed++)
        expect(await drawn(memo, [0], seed)).toEqual(await drawn(bare, [0], seed));
    }
    expect(store.health().bytes).toBeLessThanOrEqual(4000);
  });
});
