import { rm } from "node:fs/promises";
import { usualEngine } from "../src/assembly/engine-settings.ts";
import { writeByteModel } from "../test/support/byte-model.ts";
import {
  accelerated,
  answer,
  answerAll,
  byteRequests,
  embeddedRequests,
  evaluationsPerToken,
  naive,
  openCompleter,
  sideOf,
  takeTurns,
  warmUp,
} from "./chains.ts";
import type { ChainRequest } from "./chains.ts";
import { wideShape } from "./random-model.ts";
import { printTable, time } from "./report.ts";

const variants = [
  ["naive", naive],
  ["early rejection", { ...naive, earlyRejection: true }],
  ["memo", { ...naive, memo: true }],
  ["prefetching", { ...naive, prefetch: true }],
  ["all", accelerated],
] as const;

/**
 * What each acceleration saves, one request at a time, on the same chains.
 */
export async function benchAccelerations(requests: number): Promise<void> {
  const runs = await Promise.all(
    variants.map(async ([name, switches]) => ({ name, ...(await sideOf(switches)) })),
  );
  const all = embeddedRequests(2 * requests);
  for (const run of runs) await warmUp(run, all.slice(requests));
  await takeTurns(runs, all.slice(0, requests));
  for (const { completer } of runs) await completer[Symbol.asyncDispose]();
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

/**
 * The same requests one after the other and many at a time, on a model that the caches hold and on one that they do
 * not.
 */
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

/** Seconds for the same requests on two completers that have not seen them: a memo would know the second time. */
async function timeBoth(
  requests: readonly ChainRequest[],
  atOnce: number,
  changes: Parameters<typeof openCompleter>[0],
): Promise<{ alone: number; together: number }> {
  const [one, other] = [await openCompleter(changes), await openCompleter(changes)];
  for (const completer of [one, other]) await answer(completer, { ...requests[0]!, seed: -1 });
  const alone = await time(() => answerAll(one, requests, 1));
  const together = await time(() => answerAll(other, requests, atOnce));
  for (const completer of [one, other]) await completer[Symbol.asyncDispose]();
  return { alone, together };
}
