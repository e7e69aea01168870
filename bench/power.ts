import {
  accelerated,
  answer,
  answerAll,
  embeddedRequests,
  evaluationsPerToken,
  naive,
  openGenerator,
} from "./chains.ts";
import type { Answer } from "./chains.ts";
import { printTable, time } from "./report.ts";

const variants = [
  ["naive", naive],
  ["early rejection", { ...naive, earlyRejection: true }],
  ["memo", { ...naive, memo: true }],
  ["prefetching", { ...naive, prefetch: true }],
  ["all", accelerated],
] as const;

/**
 * What each acceleration saves, one request at a time, on the same chains. The variants take turns request by request,
 * so that whatever else the machine does hits all alike.
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
  const [warmUp, ...measured] = embeddedRequests(requests + 1);
  for (const { generator } of runs) await answer(generator, warmUp!);
  for (const request of measured) {
    for (const run of runs) {
      run.seconds += await time(async () => run.answers.push(await answer(run.generator, request)));
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

/** The same requests one after the other and many at a time. */
export async function benchConcurrency(requests: number, atOnce: number): Promise<void> {
  const rows: string[][] = [];
  for (const [name, switches] of [variants[0], variants.at(-1)!]) {
    const { alone, together } = await timeBoth(requests, atOnce, { ...switches, lanes: atOnce });
    rows.push([
      name,
      ...[alone, together].map((seconds) => (requests / seconds).toFixed(1)),
      `${(alone / together).toFixed(1)}x`,
    ]);
  }
  console.log(
    `\n(c) ${requests} power requests, one after the other and ${atOnce} at a time, ${atOnce} lanes\n`,
  );
  printTable(["", "one by one, chains/s", `${atOnce} at a time, chains/s`, "ratio"], rows);
}

/** What --deterministic costs. */
export async function benchDeterminism(requests: number): Promise<void> {
  const rows: string[][] = [];
  for (const lanes of [1, 4, 16]) {
    const free = await timeBoth(requests, requests, { lanes });
    const fixed = await timeBoth(requests, requests, { lanes, deterministic: true });
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

/** Chunks of the requests take turns, on prompts that the memo has not seen: other requests than the sequence's. */
async function timeBoth(
  requests: number,
  atOnce: number,
  changes: Parameters<typeof openGenerator>[0],
): Promise<{ alone: number; together: number }> {
  const [warm, cold] = [await openGenerator(changes), await openGenerator(changes)];
  const all = embeddedRequests(requests + 1);
  for (const generator of [warm, cold]) await answer(generator, all.pop()!);
  const alone = await time(() => answerAll(warm, all, 1));
  const together = await time(() => answerAll(cold, all, atOnce));
  for (const generator of [warm, cold]) await generator[Symbol.asyncDispose]();
  return { alone, together };
}
