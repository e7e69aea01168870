import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGenerator } from "../../src/commands/create-generator.ts";
import { usualEngine } from "../../src/commands/serve-settings.ts";
import type { GenerateRequest, SamplerSettings } from "../../src/decoder/generator.ts";
import type { LocalGenerator } from "../../src/decoder/local-generator.ts";
import { answerOf } from "../support/answer.ts";
import { exportedModels, layOutModel, referenceOf, toleranceOf } from "../support/exported-model.ts";
import type { ExportedModel } from "../support/exported-model.ts";
import { logSoftmax } from "../support/toy-model.ts";
import { never } from "../support/toy-engine.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "metropolis-exported-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function open(name: ExportedModel): Promise<LocalGenerator> {
  const model = join(folder, name);
  layOutModel(name, model);
  return (await createGenerator({ ...usualEngine, model, lanes: 8 })).generator;
}

const samplers: readonly SamplerSettings[] = [
  { sampler: "greedy" },
  { sampler: "standard", temperature: 0.7, topP: 0.9 },
  { sampler: "low_temperature", alpha: 4 },
  {
    sampler: "power",
    alpha: 4,
    mcmcSteps: 3,
    blockSize: 4,
    proposalTemperature: 0.25,
    schedule: "full",
  },
];

async function complete(
  generator: LocalGenerator,
  settings: SamplerSettings,
  seed: number,
): Promise<readonly number[]> {
  const request: GenerateRequest = {
    prompt: generator.tokenizer.encode("The quick brown fox", { addSpecialTokens: true }),
    settings,
    maxTokens: 12,
    stop: [],
    ignoreEnd: true,
    seed,
    choice: 0,
    topCount: 0,
  };
  return (await answerOf(generator, request)).tokens;
}

const completeAll = (generator: LocalGenerator): Promise<(readonly number[])[]> =>
  Promise.all(samplers.flatMap((settings) => [1, 2].map((seed) => complete(generator, settings, seed))));

describe.each(exportedModels)("%s", (name) => {
  it("runs all samplers in batch as it runs them alone", async () => {
    await using generator = await open(name);
    const together = await completeAll(generator);
    const alone: (readonly number[])[] = [];
    for (const settings of samplers) {
      for (const seed of [1, 2]) alone.push(await complete(generator, settings, seed));
    }
    expect(together).toEqual(alone);
    for (const tokens of together) expect(tokens).toHaveLength(12);
    expect(new Set(together.map(String)).size).toBeGreaterThan(3);
    const health = await generator.health();
    expect(health.lanes.leased).toBe(0);
  });

  it("scores a text as its exporter does", async () => {
    await using generator = await open(name);
    const { ids, logitsAfter } = referenceOf(name);
    const scores = await generator.score(ids, 0, never);
    for (const [index, { token, logprob }] of scores.entries()) {
      const expected = logSoftmax(logitsAfter(index))[token]!;
      expect(Math.abs(logprob - expected)).toBeLessThan(2 * toleranceOf(name));
    }
    expect(scores).toHaveLength(ids.length - 1);
  });
});

describe("both forms of one model", () => {
  it.each([
    ["builder-llama-fp32", "optimum-llama-fp32"],
    ["builder-mistral-fp32", "optimum-mistral-fp32"],
  ] as const)("draw the same tokens: %s and %s", async (shared, concat) => {
    await using first = await open(shared);
    await using second = await open(concat);
    expect(await completeAll(first)).toEqual(await completeAll(second));
  });
});
