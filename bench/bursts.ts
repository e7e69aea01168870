/** What a running stream and the newcomers see while many prompts arrive at once. */
import { setTimeout as sleep } from "node:timers/promises";
import { uniform } from "../src/core/random.ts";
import { ServerProcess, commandPath } from "../test/support/server-process.ts";
import { median, printTable, quantile } from "./report.ts";

const newcomers = 16;
const bursts = 5;
const quietMs = 1500;

export interface BurstOptions {
  /** The embedded model when left out. */
  readonly model?: string | undefined;
  readonly threads: number;
  /** dist/main.js of another build, measured beside this one. */
  readonly serverMain?: string | undefined;
}

interface Outcome {
  /** Between two tokens of the stream, ms. */
  readonly quietGaps: readonly number[];
  readonly burstGaps: readonly number[];
  /** From asking to the first token, ms. */
  readonly firstTokenMs: readonly number[];
}

/** Prompts of 1,000 tokens arrive, or of as many as the embedded model's context holds. */
export async function benchBursts({ model, threads, serverMain }: BurstOptions): Promise<void> {
  const [promptTokens, context] = model === undefined ? [240, 256] : [1000, 1280];
  const builds = [
    ["this build", commandPath],
    ...(serverMain === undefined ? [] : [["the other build", serverMain]]),
  ] as const;
  const variants = builds.flatMap(([name, main]) =>
    [100, 1000].map((maxGapMs) => ({ name: `${name}, --max-gap-ms ${maxGapMs}`, main, maxGapMs })),
  );
  const rows: string[][] = [];
  for (const { name, main, maxGapMs } of variants) {
    const args = [
      "--threads",
      threads,
      "--context",
      context,
      "--lanes",
      newcomers + 1,
      "--max-gap-ms",
      maxGapMs,
    ];
    const ofModel = model === undefined ? [] : ["--model", model];
    await using server = await ServerProcess.start([...args.map(String), ...ofModel], {}, main);
    rows.push([name, ...describe(await measure(server, promptTokens))]);
  }
  console.log(
    `\n(v) A stream while ${newcomers} prompts of ${promptTokens} tokens arrive, ${bursts} times\n`,
  );
  printTable(
    [
      "",
      "gaps alone, ms: median",
      "p99",
      "while they arrive: median",
      "p99",
      "longest",
      "first token of theirs, ms: median",
      "last",
    ],
    rows,
  );
}

async function measure(server: ServerProcess, promptTokens: number): Promise<Outcome> {
  const outcome = { quietGaps: [] as number[], burstGaps: [] as number[], firstTokenMs: [] as number[] };
  let into: number[] | undefined;
  const leaving = new AbortController();
  const watching = watch(server, leaving.signal, (gapMs) => into?.push(gapMs)).catch((error: unknown) => {
    if (!leaving.signal.aborted) throw error;
  });
  for (let burst = 0; burst <= bursts; burst++) {
    into = undefined;
    await sleep(quietMs / 3);
    into = burst === 0 ? undefined : outcome.quietGaps;
    await sleep(quietMs);
    into = burst === 0 ? undefined : outcome.burstGaps;
    const times = await Promise.all(
      Array.from({ length: newcomers }, (_, index) =>
        firstTokenMs(server, promptOf(promptTokens, burst * newcomers + index)),
      ),
    );
    if (burst > 0) outcome.firstTokenMs.push(...times);
  }
  leaving.abort();
  await watching;
  return outcome;
}

/** Prompts of digits that differ within their first few. */
const promptOf = (length: number, salt: number): number[] =>
  Array.from({ length }, (_, index) => {
    const u = uniform({ seed: salt, choice: 0, stage: 0, step: 0 }, "token", index);
    return 4 + Math.floor(10 * u);
  });

async function firstTokenMs(server: ServerProcess, prompt: readonly number[]): Promise<number> {
  const asked = performance.now();
  const reply = await server.post("/v1/completions", {
    prompt,
    max_tokens: 1,
    sampler: "greedy",
    ignore_eos: true,
  });
  if (!reply.ok) throw new Error(await reply.text());
  await reply.arrayBuffer();
  return performance.now() - asked;
}

/** Streams one completion after the other. @param onGap told of what lies between two tokens of one */
async function watch(server: ServerProcess, signal: AbortSignal, onGap: (ms: number) => void): Promise<void> {
  const asked = { prompt: [3, 4, 5], max_tokens: 200, sampler: "standard", ignore_eos: true, stream: true };
  for (let seed = 0; ; seed++) {
    const reply = await server.post("/v1/completions", { ...asked, seed }, signal);
    let last: number | undefined;
    for await (const _ of reply.body!) {
      const now = performance.now();
      if (last !== undefined) onGap(now - last);
      last = now;
    }
  }
}

const describe = ({ quietGaps, burstGaps, firstTokenMs: first }: Outcome): string[] =>
  [
    median(quietGaps),
    quantile(quietGaps, 0.99),
    median(burstGaps),
    quantile(burstGaps, 0.99),
    Math.max(...burstGaps),
    median(first),
    Math.max(...first),
  ].map((ms) => ms.toFixed(1));
