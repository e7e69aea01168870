import { describe, expect, it } from "vitest";
import { MemoEngine } from "../../../../src/engine/memo/memo-engine.ts";
import type { ExtendRequest } from "../../../../src/engine/engine.ts";
import { createToyEngine, never } from "../../../support/toy-engine.ts";

const request: ExtendRequest = {
  prefix: [0, 1],
  maxTokens: 32,
  endTokens: new Set(),
  sampling: { inverseTemperature: 1 },
  draws: { seed: 1, choice: 0, stage: 0, step: 0 },
  topCount: 0,
};

async function walk(memo: MemoEngine, signal: AbortSignal): Promise<number> {
  let tokens = 0;
  for await (const run of memo.extend(request, signal)) tokens += run.length;
  return tokens;
}

describe("MemoEngine", () => {
  it("lets the event loop turn while chains walk on remembered prefixes alone, so that an abort is heard", async () => {
    await using engine = createToyEngine();
    const memo = new MemoEngine(engine);
    expect(await walk(memo, never)).toBe(32);
    const { evaluatedTokens } = engine.health();
    const controller = new AbortController();
    setImmediate(() => {
      controller.abort();
    });
    // Far more than fits into one turn of the event loop, and yet an end for a memo that does not listen.
    const chain = async (): Promise<void> => {
      for (let step = 0; step < 20_000; step++) await walk(memo, controller.signal);
    };
    const outcomes = await Promise.allSettled([chain(), chain()]);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "aborted" } });
    expect(engine.health().evaluatedTokens).toBe(evaluatedTokens);
  });

  it("leaves others half of the time: a pass they wait for is not held up for long by walks", async () => {
    await using engine = createToyEngine();
    const memo = new MemoEngine(engine);
    await walk(memo, never);
    let [walks, isOver] = [0, false];
    const walker = async (): Promise<void> => {
      for (; !isOver; walks++) await walk(memo, never);
    };
    const walking = walker();
    let passes = 0;
    for await (const _run of engine.extend({ ...request, prefix: [1, 1] }, never)) passes++;
    isOver = true;
    await walking;
    expect(passes).toBe(32);
    // A walk takes some 10 µs: as many fit into the longest turn of the event loop as here into fifty passes.
    expect(walks).toBeLessThan(1000 * passes);
  });

  it.each([1, 2])("asks once where a walk goes on that another is %i tokens ahead of", async (ahead) => {
    await using engine = createToyEngine();
    const memo = new MemoEngine(engine);
    using first = memo.extend(request, never);
    using second = memo.extend(request, never);
    await first.pull();
    await second.pull();
    // The second walk asks what the first one, still open there, asks next; it may have got its answer by then.
    const overtaking = async (): Promise<void> => {
      for await (const _run of second);
    };
    const over = overtaking();
    for (let turn = 1; turn < ahead; turn++) await new Promise(setImmediate);
    for await (const _run of first);
    await over;
    expect(engine.health().evaluatedTokens).toBe(request.prefix.length + request.maxTokens - 1);
  });
});
