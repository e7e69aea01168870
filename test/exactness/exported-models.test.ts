import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCompleter } from "../../src/assembly/create-completer.ts";
import { usualEngine } from "../../src/assembly/engine-settings.ts";
import type { GenerateRequest } from "../../src/decoder/completer.ts";
import type { SamplerSettings } from "../../src/samplers/registry.ts";
import type { LocalCompleter } from "../../src/decoder/local-completer.ts";
import { answerOf } from "../support/answer.ts";
import { exportedModels, layOutModel, referenceOf, toleranceOf } from "../support/exported-model.ts";
import type { ExportedModel } from "../support/exported-model.ts";
import { logSoftmax } from "../support/toy-model.ts";
import { never } from "../support/toy-engine.ts";
import { encode } from "../support/encode.ts";
import { localDetails } from "../../src/engine/health.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "metropolis-exported-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function open(name: ExportedModel): Promise<LocalCompleter> {
  const model = join(folder, name);
  layOutModel(name, model);
  return (await createCompleter({ ...usualEngine, model, lanes: 8 })).completer;
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
  completer: LocalCompleter,
  settings: SamplerSettings,
  seed: number,
): Promise<readonly number[]> {
  const request: GenerateRequest = {
    prompt: await encode(completer.prompts, "The quick brown fox"),
    settings,
    maxTokens: 12,
    stop: [],
    ignoreEnd: true,
    seed,
    choice: 0,
    topCount: 0,
  };
  return (await answerOf(completer, request)).tokens;
}

const completeAll = (completer: LocalCompleter): Promise<(readonly number[])[]> =>
  Promise.all(samplers.flatMap((settings) => [1, 2].map((seed) => complete(completer, settings, seed))));

describe.each(exportedModels)("%s", (name) => {
  it("runs all samplers in batch as it runs them alone", async () => {
    await using completer = await open(name);
    const together = await completeAll(completer);
    const alone: (readonly number[])[] = [];
    for (const settings of samplers) {
      for (const seed of [1, 2]) alone.push(await complete(completer, settings, seed));
    }
    expect(together).toEqual(alone);
    for (const tokens of together) expect(tokens).toHaveLength(12);
    expect(new Set(together.map(String)).size).toBeGreaterThan(3);
    const details = localDetails(await completer.health());
    expect(details!.lanes.leased).toBe(0);
  });

  it("scores a text as its exporter does", async () => {
    await using completer = await open(name);
    const { ids, logitsAfter } = referenceOf(name);
    const scores = await completer.score(ids, { topCount: 0 }, never);
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
