import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRunner, openGraph } from "../../../../src/engine/onnx/open-graph.ts";
import type { ModelRunner } from "../../../../src/engine/local/runner.ts";
import { runnerSize } from "../../../contract/model-runner.contract.ts";
import { randomModel, stockLogits, tinyShape } from "../../../support/random-model.ts";

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

const open = (): Promise<ModelRunner> => createRunner(openGraph(path, cpu), { ...cpu, ...runnerSize });

/** One lane of 4096 tokens: a pass over all of them takes long. */
const openLong = (): Promise<ModelRunner> =>
  createRunner(openGraph(longPath, cpu), { ...cpu, lanes: 1, capacity: 4096, maxRowTokens: 4096 });

function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, index) => Math.abs(value - b[index]!)));
}

describe("SharedCacheRunner", () => {
  it("stays right over long passes, which run on another thread, while garbage is collected", async () => {
    await using runner = await openLong();
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
    await using runner = await openLong();
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
    const runner = await openLong();
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
    await using runner = await open();
    const expected = (await stockLogits(path, tinyShape, tokens)).subarray(-tinyShape.vocabularySize);
    const long = [...tokens, ...tokens];
    for (let round = 0; round < 3; round++) {
      for (let lane = 0; lane < 6; lane++) {
        for (const position of [0, 30]) await runner.step([{ lane, tokens: long.slice(0, 30), position }]);
        for (const position of [60, 0]) {
          for (let width = 1; width <= 32; width++) {
            await runner.step([{ lane, tokens: long.slice(0, width), position }]);
          }
        }
      }
    }
    const logits = await runner.step([{ lane: 3, tokens, position: 0 }]);
    expect(difference(logits.row(0), expected)).toBeLessThan(1e-5);
  });
});
