import { describe, expect, it } from "vitest";
import { embeddedModel } from "../../src/assembly/embedded-model.ts";
import type { GenerateRequest } from "../../src/decoder/completer.ts";
import type { SamplerSettings } from "../../src/samplers/registry.ts";
import { LocalCompleter } from "../../src/decoder/local-completer.ts";
import { readModelFolder } from "../../src/decoder/model-folder.ts";
import { MemoStore } from "../../src/engine/memo/memo-store.ts";
import { createToyEngine } from "../support/toy-engine.ts";
import { answerOf } from "../support/answer.ts";
import { createToyModel } from "../support/toy-model.ts";

const power = {
  sampler: "power",
  alpha: 4,
  mcmcSteps: 3,
  blockSize: 4,
  proposalTemperature: 1,
  schedule: "full",
} as const;

const samplers = {
  single_try: power,
  multiple_try: { ...power, kernel: { name: "multiple_try", tries: 3 } },
  tempering: { ...power, kernel: { name: "tempering", replicas: 3 } },
  smc: { sampler: "smc", alpha: 4, particles: 5, proposalTemperature: 0.5 },
  maximize: { ...power, sampler: "maximize", cut: "uniform" },
} satisfies Record<string, SamplerSettings>;

const requestOf = (settings: SamplerSettings, seed: number): GenerateRequest => ({
  prompt: [0, 1],
  settings,
  maxTokens: 12,
  stop: [],
  seed,
  choice: 0,
  topCount: 0,
});

async function answer(completer: LocalCompleter, request: GenerateRequest): Promise<string> {
  const { tokens, finish } = await answerOf(completer, request);
  return [...tokens, finish.evaluatedTokens].join();
}

describe("a budget of evaluations", () => {
  it.each(Object.entries(samplers))(
    "ends %s at the same token and cost, alone or beside others, whatever the lanes",
    async (_, settings) => {
      const description = await readModelFolder(embeddedModel);
      const model = createToyModel({ seed: 5, vocabularySize: 18, endBias: -3, scale: 4 });
      const open = (lanes: number) =>
        new LocalCompleter(description, createToyEngine({ model, lanes }), {
          earlyRejection: true,
          prefetch: true,
          memo: new MemoStore(1_000_000),
        });
      await using alone = open(8);
      const requests = Array.from({ length: 8 }, (_, seed) =>
        requestOf({ ...settings, maxEvaluatedTokens: 4 + 7 * seed }, seed),
      );
      const expected: string[] = [];
      for (const request of requests) expected.push(await answer(alone, request));
      for (const lanes of [1, 3]) {
        await using busy = open(lanes);
        expect(await Promise.all(requests.map((request) => answer(busy, request)))).toEqual(expected);
      }
    },
  );
});
