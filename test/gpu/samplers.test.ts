import { describe, expect, it } from "vitest";
import type { GenerateRequest } from "../../src/decoder/completer.ts";
import type { SamplerSettings } from "../../src/samplers/registry.ts";
import type { LocalCompleter } from "../../src/decoder/local-completer.ts";
import { createRunner, openGraph } from "../../src/engine/onnx/open-graph.ts";
import { answerOf } from "../support/answer.ts";
import { createEmbedded } from "../support/embedded.ts";
import { graphOf, referenceOf } from "../support/exported-model.ts";
import { gpu } from "../support/gpu.ts";
import { encode } from "../support/encode.ts";

const samplers: readonly SamplerSettings[] = [
  { sampler: "greedy" },
  { sampler: "standard", temperature: 1 },
  { sampler: "low_temperature", alpha: 4 },
  {
    sampler: "power",
    alpha: 4,
    mcmcSteps: 2,
    blockSize: 8,
    proposalTemperature: 0.25,
    schedule: "full",
  },
];

async function complete(completer: LocalCompleter, settings: SamplerSettings, seed: number): Promise<string> {
  const request: GenerateRequest = {
    prompt: await encode(completer.prompts, "7-2*3+4="),
    settings,
    maxTokens: 20,
    stop: [],
    seed,
    choice: 0,
    topCount: 0,
  };
  return (await answerOf(completer, request)).text;
}

const completeAll = (completer: LocalCompleter): Promise<string[]> =>
  Promise.all(samplers.flatMap((settings) => [1, 2].map((seed) => complete(completer, settings, seed))));

// A software Vulkan device will do; .ci/run provides one. It compiles shaders for every shape, which takes long.
describe.skipIf(gpu === undefined)("samplers on a GPU", () => {
  it("draws the tokens that the CPU draws, by every sampler", async () => {
    await using cpu = await createEmbedded({ lanes: 4 });
    await using onGpu = await createEmbedded({ lanes: 4, device: gpu! });
    expect(await completeAll(onGpu)).toEqual(await completeAll(cpu));
  });

  it("runs 4-bit weights to their exporter's logits", async () => {
    const name = "builder-qwen2-int4";
    const options = { device: gpu!, threads: 1, lanes: 3, capacity: 96, maxRowTokens: 32 } as const;
    await using runner = await createRunner(openGraph(graphOf(name), options), options);
    const { ids, logitsAfter } = referenceOf(name);
    const expectLogits = (actual: Float32Array, index: number): void => {
      const expected = logitsAfter(index);
      expect(Math.max(...expected.map((value, id) => Math.abs(value - actual[id]!)))).toBeLessThan(0.3);
    };
    for (const lane of [0, 1, 2]) await runner.step([{ lane, tokens: ids.slice(0, 5), position: 0 }]);
    for (let position = 5; position < 9; position++) {
      const rows = [1, 2].map((lane) => ({ lane, tokens: [ids[position]!], position }));
      const logits = await runner.step(rows);
      for (const row of [0, 1]) expectLogits(logits.row(row), position);
    }
    const chunk = await runner.step([{ lane: 2, tokens: ids.slice(9), position: 9 }]);
    expectLogits(chunk.row(0), ids.length - 1);
  });
});
