import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InferenceError } from "../../../../src/core/errors.ts";
import { openSharedCacheGraph } from "../../../../src/engine/onnx/open-graph.ts";
import { SharedCacheRunner } from "../../../../src/engine/onnx/shared-cache-runner.ts";
import { concatGraph } from "../../../support/concat-graph.ts";
import { randomModel, tinyShape } from "../../../support/random-model.ts";

const cpu = { device: "cpu", threads: 1 } as const;
const tokens = Array.from({ length: 20 }, (_, index) => (index * 7 + 3) % tinyShape.vocabularySize);

let folder: string;
let path: string;
let longPath: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "metropolis-runner-"));
  path = join(folder, "model.onnx");
  await writeFile(path, randomModel(tinyShape));
  longPath = join(folder, "long.onnx");
  await writeFile(longPath, randomModel({ ...tinyShape, maxPositions: 4096 }));
});
afterAll(() => rm(folder, { recursive: true }));

function createRunner(): SharedCacheRunner {
  const { session, graph } = openSharedCacheGraph(path, cpu);
  return new SharedCacheRunner(session, graph, { ...cpu, lanes: 6, capacity: 96, maxRowTokens: 32 });
}

/** One lane of 4096 tokens: a pass over all of them takes long. */
function createLongRunner(): SharedCacheRunner {
  const { session, graph } = openSharedCacheGraph(longPath, cpu);
  return new SharedCacheRunner(session, graph, { ...cpu, lanes: 1, capacity: 4096, maxRowTokens: 4096 });
}

function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, index) => Math.abs(value - b[index]!)));
}

/** Logits after every token, by onnxruntime-node's own API, without any cache. */
async function referenceLogits(ids: readonly number[]): Promise<Float32Array> {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1 });
  const { kvHeads, headDim, layers } = tinyShape;
  const feeds: Record<string, Tensor> = {
    input_ids: new Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]),
    attention_mask: new Tensor("int64", new BigInt64Array(ids.length).fill(1n), [1, ids.length]),
  };
  for (let layer = 0; layer < layers; layer++) {
    for (const side of ["key", "value"]) {
      feeds[`past_key_values.${layer}.${side}`] = new Tensor("float32", new Float32Array(0), [
        1,
        kvHeads,
        0,
        headDim,
      ]);
    }
  }
  const { logits } = await session.run(feeds);
  const data = (logits!.data as Float32Array).slice();
  await session.release();
  return data;
}

describe("SharedCacheRunner", () => {
  it("agrees with the stock API in one pass, step by step, in chunks, and at every position", async () => {
    await using runner = createRunner();
    const expected = await referenceLogits(tokens);
    const size = tinyShape.vocabularySize;
    const at = (index: number) => expected.subarray(index * size, (index + 1) * size);

    const whole = await runner.step([{ lane: 2, tokens, position: 0 }]);
    for (const index of tokens.keys()) expect(difference(whole.row(0, index), at(index))).toBeLessThan(1e-5);

    for (const [position, token] of tokens.entries()) {
      const logits = await runner.step([{ lane: 4, tokens: [token], position }]);
      expect(difference(logits.row(0), at(position))).toBeLessThan(1e-5);
    }

    await runner.step([{ lane: 0, tokens: tokens.slice(0, 7), position: 0 }]);
    const chunked = await runner.step([{ lane: 0, tokens: tokens.slice(7), position: 7 }]);
    expect(difference(chunked.row(0), at(19))).toBeLessThan(1e-5);
  });

  it("decodes a ragged batch of lanes as it decodes each alone", async () => {
    await using runner = createRunner();
    const lengths = [3, 17, 9];
    for (const [index, length] of lengths.entries()) {
      await runner.step([{ lane: 1 + index, tokens: tokens.slice(0, length), position: 0 }]);
    }
    const rows = lengths.map((length, index) => ({
      lane: 1 + index,
      tokens: [tokens[length]!],
      position: length,
    }));
    const batch = await runner.step(rows);
    const together = rows.map((_, row) => batch.row(row).slice());
    for (const [row, length] of lengths.entries()) {
      const expected = await referenceLogits(tokens.slice(0, length + 1));
      expect(difference(together[row]!, expected.subarray(-tinyShape.vocabularySize))).toBeLessThan(1e-5);
    }
  });

  it("continues from K/V that was copied out, in, and between lanes", async () => {
    await using runner = createRunner();
    const expected = (await referenceLogits(tokens)).subarray(-tinyShape.vocabularySize);
    await runner.step([{ lane: 0, tokens: tokens.slice(0, 15), position: 0 }]);
    const { memory } = runner;

    memory.copyLane(0, 5, 12);
    const moved = await runner.step([{ lane: 5, tokens: tokens.slice(12), position: 12 }]);
    expect(difference(moved.row(0), expected)).toBeLessThan(1e-5);

    const head = memory.read(0, 0, 6);
    const tail = memory.read(0, 4, 15);
    expect(head.bytes.byteLength).toBe(6 * memory.bytesPerToken);
    memory.write(3, 0, head, 0, 6);
    memory.write(3, 6, tail, 2, 8);
    const stored = await runner.step([{ lane: 3, tokens: tokens.slice(12), position: 12 }]);
    expect(difference(stored.row(0), expected)).toBeLessThan(1e-5);
  });

  it("stays right over many asynchronous steps while garbage is collected", async () => {
    await using runner = createRunner();
    const first = (await runner.step([{ lane: 0, tokens, position: 0 }])).row(0).slice();
    for (let round = 0; round < 300; round++) {
      const pressure = Array.from({ length: 50 }, () => new Float32Array(2000));
      const lane = round % 6;
      const width = 1 + (round % 18);
      await runner.step([{ lane, tokens: tokens.slice(0, width), position: 0 }]);
      await runner.step([{ lane, tokens: tokens.slice(width, 19), position: width }]);
      const again = await runner.step([{ lane, tokens: [tokens[19]!], position: 19 }]);
      expect(difference(again.row(0), first)).toBeLessThan(1e-5);
      expect(pressure).toHaveLength(50);
    }
  });

  it("stays right over long passes, which run on another thread, while garbage is collected", async () => {
    await using runner = createLongRunner();
    const long = Array.from({ length: 400 }, (_, index) => (index * 5) % tinyShape.vocabularySize);
    const first = (await runner.step([{ lane: 0, tokens: long, position: 0 }])).row(0).slice();
    for (let round = 0; round < 100; round++) {
      const pass = runner.step([{ lane: 0, tokens: long, position: 0 }]);
      const pressure = Array.from({ length: 50 }, () => new Float32Array(2000));
      expect(difference((await pass).row(0), first)).toBeLessThan(1e-5);
      expect(pressure).toHaveLength(50);
    }
  });

  it("leaves the event loop alive during a long pass", async () => {
    await using runner = createLongRunner();
    const long = Array.from({ length: 4096 }, (_, index) => index % tinyShape.vocabularySize);
    for (let round = 0; round < 2; round++) {
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      await runner.step([{ lane: 0, tokens: long, position: 0 }]);
      clearInterval(timer);
      // A pass on this thread lets no timer fire before its promise resolves.
      expect(ticks).toBeGreaterThan(1);
    }
  });

  it("waits for the pass in flight before it closes", async () => {
    const runner = createLongRunner();
    const finished: string[] = [];
    const pass = runner
      .step([{ lane: 0, tokens: Array.from({ length: 4096 }, () => 5), position: 0 }])
      .then((logits) => {
        finished.push("pass");
        expect(logits.row(0).every(Number.isFinite)).toBe(true);
      });
    await runner[Symbol.asyncDispose]().then(() => finished.push("closed"));
    await pass;
    expect(finished[0]).toBe("pass");
  });

  it("forgets old bindings and stays right", async () => {
    await using runner = createRunner();
    const expected = (await referenceLogits(tokens)).subarray(-tinyShape.vocabularySize);
    for (let round = 0; round < 3; round++) {
      for (let lane = 0; lane < 6; lane++) {
        for (let width = 1; width <= 20; width++) {
          for (const position of [0, 60]) {
            await runner.step([{ lane, tokens: tokens.slice(0, width), position }]);
          }
        }
      }
    }
    const logits = await runner.step([{ lane: 3, tokens, position: 0 }]);
    expect(difference(logits.row(0), expected)).toBeLessThan(1e-5);
  });

  it.each([
    ["an empty batch", [], /empty/],
    ["a lane beyond the last", [{ lane: 6, tokens: [1], position: 0 }], /lane 6/],
    ["a lane before the first", [{ lane: -1, tokens: [1], position: 0 }], /lane -1/],
    ["a row beyond the capacity", [{ lane: 0, tokens: [1], position: 96 }], /96 tokens, not 97/],
    ["a negative position", [{ lane: 0, tokens: [1], position: -1 }], /96 tokens/],
    ["a row without tokens", [{ lane: 0, tokens: [], position: 0 }], /no tokens/],
    ["a row that is too long", [{ lane: 0, tokens: Array<number>(33).fill(1), position: 0 }], /at most 32/],
    ["gaps", [0, 2].map((lane) => ({ lane, tokens: [1], position: 0 })), /consecutive/],
    ["two long rows", [0, 1].map((lane) => ({ lane, tokens: [1, 2], position: 0 })), /single row/],
  ])("refuses %s", async (_, batch, message) => {
    await using runner = createRunner();
    await expect(runner.step(batch)).rejects.toThrow(message);
  });

  it("refuses logits that the pass does not have, and tokens that the model does not know", async () => {
    await using runner = createRunner();
    const logits = await runner.step([{ lane: 0, tokens: [1, 2], position: 0 }]);
    expect(() => logits.row(1)).toThrow(/row 1/);
    expect(() => logits.row(0, 2)).toThrow(/token 2/);
    const unknown = runner.step([{ lane: 0, tokens: [tinyShape.vocabularySize], position: 0 }]);
    await expect(unknown).rejects.toMatchObject({ code: "engine_failed" });
  });

  it("says what is wrong with a file", async () => {
    expect(() => openSharedCacheGraph(join(folder, "absent.onnx"), cpu)).toThrow(
      /absent\.onnx does not exist/,
    );
    const corrupt = join(folder, "corrupt.onnx");
    await writeFile(corrupt, randomModel(tinyShape).slice(0, 500));
    expect(() => openSharedCacheGraph(corrupt, cpu)).toThrow(
      /corrupt\.onnx cannot be loaded on device 'cpu'/,
    );
    const noise = join(folder, "noise.onnx");
    await writeFile(noise, "this is not a graph");
    expect(() => openSharedCacheGraph(noise, cpu)).toThrow(InferenceError);
    const concat = join(folder, "concat.onnx");
    await writeFile(concat, concatGraph());
    expect(() => openSharedCacheGraph(concat, cpu)).toThrow(
      expect.objectContaining({
        code: "unsupported",
        message: expect.stringMatching(/concat\.onnx does not run over a shared cache/) as unknown,
      }),
    );
  });

  it("refuses to run twice at once, and after it was closed", async () => {
    const runner = createRunner();
    const row = [{ lane: 0, tokens: [1], position: 0 }];
    const running = runner.step(row);
    await expect(runner.step(row)).rejects.toThrow(/running already/);
    await running;
    await runner[Symbol.asyncDispose]();
    await expect(runner.step(row)).rejects.toThrow(/closed/);
  });
});
