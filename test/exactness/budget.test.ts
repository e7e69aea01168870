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

const description = await readModelFolder(embeddedModel);
const model = createToyModel({ seed: 5, vocabularySize: 18, endBias: -3, scale: 4 });
const open = (lanes: number) =>
  new LocalCompleter(description, createToyEngine({ model, lanes }), {
    earlyRejection: true,
    prefetch: true,
    memo: new MemoStore(1_000_000),
  });

/** Of an answer's text: the evaluations at its end, and the tokens before them. */
const costOf = (text: string): number => Number(text.split(",").at(-1));
const tokensOf = (text: string): string => text.slice(0, text.lastIndexOf(","));

describe("a budget of evaluations", () => {
  it.each(Object.entries(samplers))(
    "ends %s at the same token and cost, alone or beside others, whatever the lanes",
    async (_, settings) => {
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

describe("isolation", () => {
  it.each(Object.entries(samplers))(
    "makes what %s costs its own, and leaves its completion as it is",
    async (_, settings) => {
      const seeds = [0, 1, 2, 3];
      const isolated = seeds.map((seed) => requestOf({ ...settings, isolated: true }, seed));
      const shared = seeds.map((seed) => requestOf(settings, seed));
      await using alone = open(8);
      const expected: string[] = [];
      for (const request of isolated) expected.push(await answer(alone, request));
      await using busy = open(3);
      const first = await Promise.all(shared.map((request) => answer(busy, request)));
      // All that they would ask is remembered now, and yet each asks it for itself, beside the others.
      expect(await Promise.all(isolated.map((request) => answer(busy, request)))).toEqual(expected);
      const again = await Promise.all(shared.map((request) => answer(busy, request)));
      expect(again.map(costOf)).toEqual(seeds.map(() => 0));
      for (const answers of [first, again]) expect(answers.map(tokensOf)).toEqual(expected.map(tokensOf));
      for (const text of expected) expect(costOf(text)).toBeGreaterThan(0);
    },
  );

  it("comes with a budget, and is otherwise asked for", async () => {
    await using completer = open(4);
    const costs: number[] = [];
    for (const terms of [{}, {}, { isolated: true }, { maxEvaluatedTokens: 10_000 }])
      costs.push(costOf(await answer(completer, requestOf({ ...power, ...terms }, 7))));
    const [fresh, remembered, isolated, budgeted] = costs;
    expect(fresh).toBeGreaterThan(0);
    expect(remembered).toBe(0);
    expect(isolated).toBeGreaterThan(0);
    expect(budgeted).toBe(isolated);
  });
});
