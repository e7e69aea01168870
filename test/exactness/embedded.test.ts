import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GenerateRequest } from "../../src/decoder/completer.ts";
import { WorkerCompleter } from "../../src/decoder/worker-completer.ts";
import { answerOf } from "../support/answer.ts";
import type { Answer } from "../support/answer.ts";
import { createEmbedded } from "../support/embedded.ts";
import { never } from "../support/toy-engine.ts";
import type { WorkerData } from "../../src/assembly/start-completer.ts";
import { usualEngine } from "../../src/assembly/engine-settings.ts";
import type { EngineSettings } from "../../src/assembly/engine-settings.ts";

/** The equalities of the toy, on the embedded model through ONNX Runtime. */

const prompt = [7, 11, 2, 12, 3, 10, 4, 13];

const powerSettings = {
  sampler: "power",
  alpha: 4,
  mcmcSteps: 10,
  blockSize: 3,
  proposalTemperature: 0.25,
  schedule: "full",
} as const;

const request = (seed: number, choice = 0): GenerateRequest => ({
  prompt,
  settings: powerSettings,
  maxTokens: 48,
  stop: [],
  seed,
  choice,
  topCount: 0,
});

const seeds = Array.from({ length: 12 }, (_, seed) => seed);

async function answersOf(changes: Partial<EngineSettings>, together = false): Promise<Answer[]> {
  await using completer = await createEmbedded(changes);
  if (together) return await Promise.all(seeds.map((seed) => answerOf(completer, request(seed))));
  const answers: Answer[] = [];
  for (const seed of seeds) answers.push(await answerOf(completer, request(seed)));
  return answers;
}

/** Steps and outcomes too, but not what they cost. */
const chainOf = ({ tokens, finish }: Answer) => ({
  tokens,
  accepted: finish.report.power!.accepted,
  unchanged: finish.report.power!.unchanged,
  rejected: finish.report.power!.rejected + finish.report.power!.rejected_early,
});

describe("on the embedded model", () => {
  let reference: Answer[];
  beforeAll(async () => {
    reference = await answersOf({ memo: false, earlyRejection: false, prefixStoreMib: 0, lanes: 1 });
  });

  it.each([
    ["early rejection", { memo: false, earlyRejection: true }],
    ["the memo", { memo: true, earlyRejection: false }],
    ["both", { memo: true, earlyRejection: true }],
    ["both without the prefix store", { memo: true, earlyRejection: true, prefixStoreMib: 0 }],
    ["small prefill chunks", { prefillChunk: 3 }],
  ])("%s leaves the chain as it is", async (_, changes) => {
    const answers = await answersOf(changes);
    expect(answers.map(chainOf)).toEqual(reference.map(chainOf));
  });

  it("the memo and early rejection save most evaluations", async () => {
    const cost = (answers: readonly Answer[]): number =>
      answers.reduce((sum, { finish }) => sum + finish.evaluatedTokens, 0);
    expect(cost(await answersOf({}))).toBeLessThan(cost(reference) / 5);
  });

  it("power at alpha 1, temperature 1, one block and no steps is plain sampling", async () => {
    await using completer = await createEmbedded();
    for (const seed of seeds) {
      const plain = { ...request(seed), settings: { sampler: "standard", temperature: 1 } as const };
      const power = {
        ...request(seed),
        settings: { ...powerSettings, alpha: 1, proposalTemperature: 1, blockSize: 48, mcmcSteps: 0 },
      };
      expect((await answerOf(completer, power)).tokens).toEqual((await answerOf(completer, plain)).tokens);
    }
  });

  it("chains that share their passes answer as each alone", async () => {
    const together = await answersOf({}, true);
    expect(together.map(({ text }) => text)).toEqual(reference.map(({ text }) => text));
  });

  describe("in a worker thread", () => {
    let worker: WorkerCompleter;
    beforeAll(async () => {
      const { tokenizer, prompts } = await createEmbedded();
      worker = await WorkerCompleter.start({
        entry: new URL("../../dist/assembly/worker.js", import.meta.url),
        workerData: { settings: usualEngine, stamps: {} } satisfies WorkerData,
        tokenizer,
        prompts,
        onNote: () => undefined,
      });
    });
    afterAll(() => worker[Symbol.asyncDispose]());

    it("answers as in-process", async () => {
      for (const seed of seeds.slice(0, 4)) {
        const { tokens, text, finish } = await answerOf(worker, request(seed));
        expect({ tokens, text }).toEqual({ tokens: reference[seed]!.tokens, text: reference[seed]!.text });
        expect(finish.report.power!.logprob).toBeCloseTo(reference[seed]!.finish.report.power!.logprob, 4);
      }
      expect(await worker.score(prompt, { topCount: 2 }, never)).toHaveLength(7);
      expect((await worker.health()).status).toBe("ok");
    });
  });
});
