import { describe, expect, it } from "vitest";
import type { GenerateRequest } from "../../src/decoder/completer.ts";
import type { LocalCompleter } from "../../src/decoder/local-completer.ts";
import { checkRowAgreement } from "../../src/engine/local/row-agreement.ts";
import { viewRows } from "../../src/engine/local/runner.ts";
import { createEmbedded } from "../support/embedded.ts";
import { createToyModel } from "../support/toy-model.ts";
import { ToyRunner } from "../support/toy-runner.ts";
import { encode } from "../support/encode.ts";

/** What --deterministic promises: the last bit of every log-prob depends on the request alone. */

const prompts = ["7-2*3+4=", "1+1=", "9*9-8*7+1=", "7-2*3+5="];

/** A few of each sampler, prompts that share prefixes among them. */
async function requests(completer: LocalCompleter): Promise<GenerateRequest[]> {
  const encoded = await Promise.all(prompts.map((prompt) => encode(completer.prompts, prompt)));
  return Array.from({ length: 16 }, (_, index) => ({
    prompt: encoded[index % prompts.length]!,
    settings:
      index % 3 === 0
        ? {
            sampler: "power",
            alpha: 4,
            mcmcSteps: 6,
            blockSize: 4,
            proposalTemperature: 0.5,
            schedule: "full",
          }
        : { sampler: "standard", temperature: 1 },
    maxTokens: 24,
    stop: [],
    seed: index,
    choice: 0,
    topCount: 3,
  }));
}

/** Every number that a request's tokens carry. */
async function run(completer: LocalCompleter, request: GenerateRequest): Promise<number[]> {
  const numbers: number[] = [];
  for await (const event of completer.complete(request, new AbortController().signal)) {
    if (event.type !== "text") continue;
    for (const { token, logprob, logNormalizer, entropy, top } of event.tokens)
      numbers.push(token, logprob, logNormalizer, entropy, ...top!.logprobs);
  }
  return numbers;
}

/** Each request on an engine of its own, then all on one with few lanes: at once, and again one by one. */
async function runEverywhere(
  deterministic: boolean,
): Promise<Record<"alone" | "together" | "after", number[][]>> {
  const engine = { deterministic, lanes: 5 };
  const alone: number[][] = [];
  for (let index = 0; index < 16; index++) {
    await using completer = await createEmbedded(engine);
    alone.push(await run(completer, (await requests(completer))[index]!));
  }
  await using completer = await createEmbedded(engine);
  const all = await requests(completer);
  const together = await Promise.all(all.map((request) => run(completer, request)));
  const after: number[][] = [];
  for (const request of all) after.push(await run(completer, request));
  return { alone, together, after };
}

describe("--deterministic", () => {
  it("gives the same bits alone, among others, and from cached prefixes", async () => {
    const { alone, together, after } = await runEverywhere(true);
    expect(alone.every((numbers) => numbers.length > 0)).toBe(true);
    expect(together).toEqual(alone);
    expect(after).toEqual(alone);
  });

  it("is needed for that: without it the last bits move with the batch and the cache, and only those", async () => {
    const { alone, together, after } = await runEverywhere(false);
    expect([...together, ...after]).not.toEqual([...alone, ...alone]);
    for (const [index, numbers] of alone.entries()) {
      for (const other of [together[index]!, after[index]!]) {
        expect(other).toHaveLength(numbers.length);
        for (const [place, number] of numbers.entries()) expect(other[place]).toBeCloseTo(number, 3);
      }
    }
  });

  it("is refused on a device whose rows round differently", async () => {
    const model = createToyModel();
    await using agreeing = new ToyRunner(model, { lanes: 3 });
    await checkRowAgreement(agreeing);
    await using differing = new ToyRunner(model, { lanes: 3 });
    const step = differing.step.bind(differing);
    differing.step = async (batch) => {
      const logits = await step(batch);
      return viewRows((row, index) => logits.row(row, index).map((logit) => logit * (1 + row * 1e-7)));
    };
    await expect(checkRowAgreement(differing)).rejects.toThrow(/--lanes 1/);
  });
});
