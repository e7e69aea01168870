import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, it } from "vitest";
import { embeddedModel } from "../../src/assembly/embedded-model.ts";
import { usualEngine } from "../../src/assembly/engine-settings.ts";
import { stampFiles } from "../../src/assembly/model-files.ts";
import { readModelFolder } from "../../src/decoder/model-folder.ts";
import type { Completer } from "../../src/decoder/completer.ts";
import { servedAbacus } from "../support/fake-servers/abacus.ts";
import { engineOver } from "../support/fake-servers/engine-over.ts";
import { FakeVllm } from "../support/fake-servers/vllm.ts";
import { never } from "../support/toy-engine.ts";
import { createToyModel } from "../support/toy-model.ts";

let fake: FakeVllm;
beforeAll(async () => {
  fake = await new FakeVllm(await servedAbacus()).start();
});
afterAll(() => fake[Symbol.asyncDispose]());

/** Of what was built: workers run that. */
const { startCompleter } = (await import(
  new URL("../../dist/assembly/start-completer.js", import.meta.url).href
)) as typeof import("../../src/assembly/start-completer.ts");

async function complete(completer: Completer): Promise<string> {
  const request = { prompt: [7, 13], settings: { sampler: "greedy" } as const, maxTokens: 3, stop: [] };
  let last = "";
  const options = { seed: 1, choice: 0, topCount: 0, progress: false };
  for await (const { type } of completer.complete({ ...request, ...options }, never)) last = type;
  return last;
}

it("a worker that dies is replaced by one of the same model, or by none", async () => {
  const { tokenizer, prompts } = await readModelFolder(embeddedModel);
  let worker: unknown;
  await using completer = await startCompleter(
    { ...usualEngine, server: engineOver(fake) },
    await stampFiles({ folder: embeddedModel }),
    {
      tokenizer,
      prompts,
      onNote: () => undefined,
      onWorker: (one) => {
        worker = one;
      },
    },
  );
  const kill = async (): Promise<void> => {
    if (!(worker instanceof Worker)) throw new Error("there is no worker");
    await worker.terminate();
  };
  expect(await complete(completer)).toBe("finish");
  const { model } = fake;
  fake.model = { ...model, logits: createToyModel({ seed: 8, vocabularySize: 18 }).logits };
  await kill();
  await expect(complete(completer)).rejects.toMatchObject({
    code: "engine_failed",
    message: expect.stringMatching(/did not start: The server at \S+ no longer serves the model/) as unknown,
  });
  fake.model = model;
  await expect.poll(() => complete(completer).catch((error: unknown) => String(error))).toBe("finish");
});
