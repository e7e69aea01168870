import { createCompleter } from "../src/assembly/create-completer.ts";
import { usualEngine } from "../src/assembly/engine-settings.ts";
import type { GenerateRequest, Completer } from "../src/decoder/completer.ts";
import type { SamplerSettings } from "../src/samplers/registry.ts";
import { encodeQuestion } from "./question.ts";
import { printTable, time } from "./report.ts";

const question = "Explain in a few sentences why the sky is blue.";
const power: SamplerSettings = {
  sampler: "power",
  alpha: 4,
  mcmcSteps: 4,
  blockSize: 4,
  proposalTemperature: 0.25,
  schedule: "full",
};

interface Run {
  readonly emitted: number;
  readonly evaluated: number;
}

/**
 * What a real model's folder does on this machine: tokens per second by rows at once, and what power sampling costs.
 */
export async function benchRealModel(model: string, threads: number): Promise<void> {
  const { completer } = await createCompleter({ ...usualEngine, model, threads, lanes: 16, context: 512 });
  const standard: SamplerSettings = { sampler: "standard", temperature: 0.7 };
  await run(completer, standard, { maxTokens: 4, seed: 0 });
  const rows: string[][] = [];
  let alone: number | undefined;
  for (const count of [1, 4, 16]) {
    const rate = await rateOf(completer, standard, count);
    alone ??= rate;
    rows.push([String(count), rate.toFixed(1), `${(rate / alone).toFixed(1)}x`]);
  }
  console.log(`\n${completer.model.id}, ${threads} thread(s), 64 tokens each, standard sampler\n`);
  printTable(["requests at once", "tokens/s", "against one"], rows);

  let plain: Run[] = [];
  const plainSeconds = await time(async () => {
    plain = await runAll(completer, standard, 4);
  });
  let chains: Run[] = [];
  const chainSeconds = await time(async () => {
    chains = await runAll(completer, power, 4);
  });
  const perToken = sum(chains, "evaluated") / sum(chains, "emitted");
  const cost = chainSeconds / sum(chains, "emitted") / (plainSeconds / sum(plain, "emitted"));
  console.log("\npower sampling, alpha 4, blocks of 4, 4 steps a block, 4 requests at once\n");
  printTable(
    ["evaluations per emitted token", "tokens/s", "time per token against standard"],
    [[perToken.toFixed(1), (sum(chains, "emitted") / chainSeconds).toFixed(1), `${cost.toFixed(1)}x`]],
  );
  await completer[Symbol.asyncDispose]();
}

async function rateOf(completer: Completer, settings: SamplerSettings, count: number): Promise<number> {
  let runs: Run[] = [];
  const seconds = await time(async () => {
    runs = await runAll(completer, settings, count);
  });
  return sum(runs, "emitted") / seconds;
}

const runAll = (completer: Completer, settings: SamplerSettings, count: number): Promise<Run[]> =>
  Promise.all(Array.from({ length: count }, (_, seed) => run(completer, settings, { maxTokens: 64, seed })));

const sum = (runs: readonly Run[], key: keyof Run): number =>
  runs.reduce((total, { [key]: n }) => total + n, 0);

async function run(
  completer: Completer,
  settings: SamplerSettings,
  { maxTokens, seed }: { maxTokens: number; seed: number },
): Promise<Run> {
  const { signal } = new AbortController();
  const prompt = await encodeQuestion(completer, question);
  const request: GenerateRequest = {
    prompt,
    settings,
    maxTokens,
    stop: [],
    ignoreEnd: true,
    seed,
    choice: 0,
    topCount: 0,
  };
  let emitted = 0;
  for await (const event of completer.complete(request, signal)) {
    if (event.type === "text") emitted += event.tokens.length;
    if (event.type === "finish") return { emitted, evaluated: event.evaluatedTokens };
  }
  throw new Error("the completer ended without a finish");
}
