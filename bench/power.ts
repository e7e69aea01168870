import { rm } from "node:fs/promises";
import type { Generator } from "../src/decoder/generator.ts";
import { usualEngine } from "../src/commands/serve-settings.ts";
import { writeByteModel } from "../test/support/byte-model.ts";
import {
  accelerated,
  answer,
  answerAll,
  byteRequests,
  embeddedRequests,
  evaluationsPerToken,
  naive,
  openGenerator,
} from "./chains.ts";
import type { Answer, ChainRequest } from "./chains.ts";
import { wideShape } from "./random-model.ts";
import { printTable, time } from "./report.ts";

const variants = [
  ["naive", naive],
  ["early rejection", { ...naive, earlyRejection: true }],
  ["memo", { ...naive, memo: true }],
  ["prefetching", { ...naive, prefetch: true }],
  ["all", accelerated],
] as const;

/** Until V8 has compiled what a chain runs through; a server is past that after its first minute. */
const warmUpMs = 4_000;

/** Requests that a variant answers before the next has its turn, so that each finds the processor's caches its own. */
const turn = 10;

/**
 * What each acceleration saves, one request at a time, on the same chains. The variants take turns, so that whatever else
 * the machine does hits all alike.
 */
export async function benchAccelerations(requests: number): Promise<void> {
  const runs = await Promise.all(
    variants.map(async ([name, switches]) => ({
      name,
      generator: await openGenerator(switches),
      answers: [] as Answer[],
      seconds: 0,
    })),
  );
  const all = embeddedRequests(2 * requests);
  for (const { generator } of runs) await warmUp(generator, all.slice(requests));
  for (let start = 0; start < requests; start += turn) {
    for (const run of runs) {
      const chunk = all.slice(start, Math.min(start + turn, requests));
      run.seconds += await time(async () => run.answers.push(...(await answerAll(run.generator, chunk, 1))));
    }
  }
  for (const { generator } of runs) await generator[Symbol.asyncDispose]();
  const [reference] = runs;
  console.log(
    `\n(b) power sampling, embedded model, alpha 4, block 3, 10 steps, ${requests} requests one by one\n`,
  );
  printTable(
    ["", "evaluations per emitted token", "seconds", "against naive", "same completion"],
    runs.map(({ name, answers, seconds }) => {
      const same = answers.filter(({ tokens }, index) => tokens === reference!.answers[index]!.tokens);
      return [
        name,
        evaluationsPerToken(answers).toFixed(2),
        seconds.toFixed(2),
        `${(reference!.seconds / seconds).toFixed(1)}x`,
        `${same.length}/${requests}`,
      ];
    }),
  );
}

async function warmUp(generator: Generator, requests: readonly ChainRequest[]): Promise<void> {
  const end = performance.now() + warmUpMs;
  for (let next = 0; performance.now() < end; next++)
    await answer(generator, requests[next % requests.length]!);
}

/** The same requests one after the other and many at a time, on a model that the caches hold and on one that they do not. */
export async function benchConcurrency(atOnce: number): Promise<void> {
  const wide = await writeByteModel(wideShape);
  const subjects = [
    { name: "embedded", model: usualEngine.model, requests: embeddedRequests(8 * atOnce) },
    { name: "38 M parameters", model: wide, requests: byteRequests(atOnce, 16, { mcmcSteps: 4 }) },
  ];
  const rows: string[][] = [];
  for (const { name, model, requests } of subjects) {
    for (const [variant, switches] of [variants[0], variants.at(-1)!]) {
      const engine = { ...switches, model, lanes: atOnce };
      const { alone, together } = await timeBoth(requests, atOnce, engine);
      rows.push([
        `${name}, ${variant}`,
        String(requests.length),
        ...[alone, together].map((seconds) => (requests.length / seconds).toFixed(2)),
        `${(alone / together).toFixed(1)}x`,
      ]);
    }
  }
  await rm(wide, { recursive: true });
  console.log(`\n(c) power requests, one after the other and ${atOnce} at a time, ${atOnce} lanes\n`);
  printTable(["", "requests", "one by one, chains/s", `${atOnce} at a time, chains/s`, "ratio"], rows);
}

/** What --deterministic costs. */
export async function benchDeterminism(requests: number): Promise<void> {
  const chains = embeddedRequests(requests);
  const rows: string[][] = [];
  for (const lanes of [1, 4, 16]) {
    const free = await timeBoth(chains, requests, { lanes });
    const fixed = await timeBoth(chains, requests, { lanes, deterministic: true });
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

/** Seconds for the same requests on two generators that have not seen them: a memo would know the second time. */
async function timeBoth(
  requests: readonly ChainRequest[],
  atOnce: number,
  changes: Parameters<typeof openGenerator>[0],
): Promise<{ alone: number; together: number }> {
  const [one, other] = [await openGenerator(changes), await openGenerator(changes)];
  for (const generator of [one, other]) await answer(generator, { ...requests[0]!, seed: -1 });
  const alone = await time(() => answerAll(one, requests, 1));
  const together = await time(() => answerAll(other, requests, atOnce));
  for (const generator of [one, other]) await generator[Symbol.asyncDispose]();
  return { alone, together };
}
