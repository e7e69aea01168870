import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { embeddedModel } from "../../src/assembly/embedded-model.ts";
import { readModelFolder } from "../../src/decoder/model-folder.ts";
import { WorkerCompleter } from "../../src/decoder/worker-completer.ts";
import { createTestApp } from "../support/embedded.ts";

const built = (path: string): string => new URL(`../../dist/${path}`, import.meta.url).href;

/**
 * The embedded model in a worker, as metropolis serve has it, on a runner that loses its device: in the worker's first
 * life the 30th pass and all after it fail as Dawn says it.
 */
const source = `
  import { parentPort, workerData } from "node:worker_threads";
  import { LocalCompleter } from "${built("decoder/local-completer.js")}";
  import { readModelFolder } from "${built("decoder/model-folder.js")}";
  import { hostCompleter } from "${built("decoder/worker-host.js")}";
  import { LocalEngine } from "${built("engine/local/local-engine.js")}";
  import { passFailure } from "${built("engine/onnx/device-failure.js")}";
  import { createRunner, openGraph } from "${built("engine/onnx/open-graph.js")}";

  const { folder, lives } = workerData;
  const life = Atomics.add(lives, 0, 1);
  const device = { device: "cpu", threads: 1 };
  const opened = openGraph(folder + "/model.onnx", device);
  const runner = await createRunner(opened, { ...device, lanes: 4, capacity: 128, maxRowTokens: 32 });
  const step = runner.step.bind(runner);
  let passes = 0;
  runner.step = async (batch) => {
    if (life === 0 && ++passes >= 30) {
      throw passFailure("webgpu", new Error("Failed to download data from buffer. wgpu::MapAsyncStatus value: 3"));
    }
    return step(batch);
  };
  const engine = new LocalEngine(runner, { prefillChunk: 32, prefixStoreBytes: 1 << 20 });
  const completer = new LocalCompleter(await readModelFolder(folder, "abacus"), engine, {
    earlyRejection: true,
    memoize: (inner) => inner,
  });
  hostCompleter(parentPort, completer, []);
`;

const notes: string[] = [];
let server: Awaited<ReturnType<typeof createTestApp>>;

beforeAll(async () => {
  const { tokenizer, prompts } = await readModelFolder(embeddedModel, "abacus");
  const completer = await WorkerCompleter.start({
    entry: new URL(`data:text/javascript,${encodeURIComponent(source)}`),
    workerData: { folder: embeddedModel, lives: new Int32Array(new SharedArrayBuffer(4)) },
    tokenizer,
    prompts,
    onNote: (note) => notes.push(note),
  });
  server = await createTestApp({ completer });
});
afterAll(() => server[Symbol.asyncDispose]());

describe("a device that is lost", () => {
  it("fails what runs with a retryable error, and serves again", async () => {
    const body = { prompt: "7-2*3+4=", sampler: "power", seed: 1 };
    const failed = await Promise.all([1, 2, 3].map(() => server.post("/v1/completions", body)));
    for (const { status, headers, json } of failed) {
      expect(status).toBe(503);
      expect(headers).toMatchObject({ "x-should-retry": "true", "retry-after": "1" });
      expect(json()).toMatchObject({
        error: {
          code: "engine_failed",
          message: expect.stringMatching(/'webgpu' was lost.*restarted; send the request again/) as unknown,
        },
      });
    }
    expect(notes).toContainEqual(expect.stringMatching(/was lost.*restarting/));

    const { status, json } = await server.post("/v1/completions", body);
    expect(status).toBe(200);
    expect(json()).toMatchObject({ choices: [{ text: "2*3=6;7-6=1;1+4=5;#5" }] });
  });
});
