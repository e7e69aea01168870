import { createGenerator } from "../src/commands/create-generator.ts";
import { usualEngine } from "../src/commands/serve-settings.ts";
import type { EngineSettings } from "../src/commands/serve-settings.ts";
import type { Generator } from "../src/decoder/generator.ts";
import { abacus } from "../lab/abacus.ts";
import { printTable, time } from "./report.ts";

const settings = {
  sampler: "power",
  alpha: 4,
  mcmcSteps: 10,
  blockSize: 3,
  proposalTemperature: 0.25,
  schedule: "full",
} as const;

interface Answer {
  readonly tokens: string;
  readonly emitted: number;
  readonly evaluated: number;
}

async function answer(generator: Generator, prompt: string, seed: number): Promise<Answer> {
  const tokens: number[] = [];
  const request = {
    prompt: abacus.vocabulary.encode(prompt),
    settings,
    maxTokens: 48,
    stop: [],
    seed,
    choice: 0,
    topCount: 0,
  };
  for await (const event of generator.generate(request, new AbortController().signal)) {
    if (event.type === "finish")
      return { tokens: tokens.join(), emitted: tokens.length, evaluated: event.evaluatedTokens };
    if (event.type === "text") tokens.push(...event.tokens.map(({ token }) => token));
  }
  throw new Error("the generator ended without a finish");
}

async function openGenerator(changes: Partial<EngineSettings>): Promise<Generator> {
  const { generator } = await createGenerator({ ...usualEngine, ...changes });
  return generator;
}

const variants = [
  ["naive", { memo: false, earlyRejection: false }],
  ["early rejection", { memo: false, earlyRejection: true }],
  ["memo", { memo: true, earlyRejection: false }],
  ["both", { memo: true, earlyRejection: true }],
] as const;

/** What each acceleration saves, one request at a time, on the same chains. */
export async function benchAccelerations(requests: number): Promise<void> {
  const prompts = abacus.testPrompts(requests);
  const rows: string[][] = [];
  let reference: string[] | undefined;
  let naiveSeconds: number | undefined;
  for (const [name, switches] of variants) {
    const generator = await openGenerator(switches);
    const answers: Answer[] = [];
    const seconds = await time(async () => {
      for (const [seed, prompt] of prompts.entries()) answers.push(await answer(generator, prompt, seed));
    });
    await generator[Symbol.asyncDispose]();
    reference ??= answers.map(({ tokens }) => tokens);
    naiveSeconds ??= seconds;
    const same = answers.filter(({ tokens }, index) => tokens === reference![index]).length;
    const perToken = sum(answers, "evaluated") / sum(answers, "emitted");
    rows.push([
      name,
      perToken.toFixed(2),
      seconds.toFixed(2),
      `${(naiveSeconds / seconds).toFixed(1)}x`,
      `${same}/${requests}`,
    ]);
  }
  console.log(
    `\n(b) power sampling, embedded model, alpha 4, block 3, 10 steps, ${requests} requests one by one\n`,
  );
  printTable(["", "evaluations per emitted token", "seconds", "against naive", "same completion"], rows);
}

const sum = (answers: readonly Answer[], key: "evaluated" | "emitted"): number =>
  answers.reduce((total, { [key]: count }) => total + count, 0);

/** The same requests all at once and one after the other. */
export async function benchConcurrency(requests: number): Promise<void> {
  const rows: string[][] = [];
  for (const [name, switches] of variants) {
    const { alone, together } = await timeBoth(requests, { ...switches, lanes: requests });
    rows.push([name, alone.toFixed(2), together.toFixed(2), `${(alone / together).toFixed(1)}x`]);
  }
  console.log(`\n(c) ${requests} power requests, in sequence and at once\n`);
  printTable(["", "in sequence, s", "at once, s", "ratio"], rows);
}

/** What --deterministic costs. */
export async function benchDeterminism(requests: number): Promise<void> {
  const rows: string[][] = [];
  for (const lanes of [1, 4, 16]) {
    const free = await timeBoth(requests, { lanes });
    const fixed = await timeBoth(requests, { lanes, deterministic: true });
    rows.push([
      String(lanes),
      ...[free.alone, fixed.alone].map((seconds) => seconds.toFixed(2)),
      `${(fixed.alone / free.alone).toFixed(1)}x`,
      ...[free.together, fixed.together].map((seconds) => seconds.toFixed(2)),
      `${(fixed.together / free.together).toFixed(1)}x`,
    ]);
  }
  console.log(`\n(d) --deterministic, ${requests} power requests\n`);
  const head = ["in sequence, s", "deterministic, s", "cost", "at once, s", "deterministic, s", "cost"];
  printTable(["lanes", ...head], rows);
}

async function timeBoth(
  requests: number,
  changes: Partial<EngineSettings>,
): Promise<{ alone: number; together: number }> {
  const generator = await openGenerator(changes);
  const prompts = [...abacus.testPrompts(requests).entries()];
  await answer(generator, prompts[0]![1], 0);
  const alone = await time(async () => {
    for (const [seed, prompt] of prompts) await answer(generator, prompt, seed);
  });
  const together = await time(() =>
    Promise.all(prompts.map(([seed, prompt]) => answer(generator, prompt, seed))),
  );
  await generator[Symbol.asyncDispose]();
  return { alone, together };
}
