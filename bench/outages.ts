import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { abacus } from "../lab/abacus.ts";
import { ServerProcess } from "../test/support/server-process.ts";
import { chiSquare } from "../test/support/statistics.ts";
import { printRow, printTable, quantile } from "./report.ts";
import { readServer } from "./soak/reading.ts";

export interface OutageOptions {
  /** The server that runs the embedded model's checkpoint, see `npm run lab -- checkpoint`. */
  readonly engine: string | undefined;
  readonly engineUrl: string | undefined;
  /** The checkpoint's folder. */
  readonly model: string | undefined;
  /** A command that ends the server, however, and starts it again. */
  readonly restart: string | undefined;
  readonly minutes: number;
  readonly clients: number;
}

const outageEveryMs = 75_000;
const readingEveryMs = 10_000;
/** A float32's rounding along some passes. */
const tolerance = 1e-3;

const vocabularySize = 18;
const endToken = 16;
/** What is drawn so often that the frequencies of completions are held against the enumerated p^alpha. */
const drawn = { prompt: [7, 11], max_tokens: 3, sampler: "power", alpha: 2, mcmc_steps: 20 };

const others: readonly object[] = [
  { sampler: "power", mcmc_steps: 4, block_size: 8 },
  { sampler: "power", mcmc_steps: 4, block_size: 8, cut: "entropy" },
  { sampler: "power", mcmc_steps: 2, block_size: 8, kernel: "tempering", replicas: 2 },
  { sampler: "power", mcmc_steps: 2, block_size: 8, kernel: "multiple_try", tries: 2 },
  { sampler: "smc", particles: 4 },
  { sampler: "standard" },
  { sampler: "low_temperature" },
];

interface Choice {
  readonly token_ids: readonly number[];
  readonly finish_reason: string;
  readonly logprobs: {
    readonly token_logprobs: readonly (number | null)[];
    readonly top_logprobs: readonly Record<string, number>[];
  };
  readonly power?: { readonly undecided_steps?: number };
}

interface Answer {
  readonly prompt: readonly number[];
  readonly choice: Choice;
}

/**
 * So many requests at once at a server process whose model runs on a server behind that is ended and started again
 * every 75 s: no request may be lost, none answered with other log-probs than the model's, and the answers to one prompt
 * must be as frequent as the enumerated p^alpha. Ends the process with 1 where something was.
 */
export async function benchOutages(options: OutageOptions): Promise<void> {
  const { engine, engineUrl, model, restart, minutes, clients } = options;
  if (engine === undefined || engineUrl === undefined || model === undefined || restart === undefined)
    throw new Error("outages needs --engine, --engine-url, --model and --restart");
  await using server = await ServerProcess.start([
    ...["--engine", engine, "--engine-url", engineUrl, "--model", model],
    ...["--engine-calls", String(clients)],
  ]);
  await using reference = await ServerProcess.start();
  const endsAt = performance.now() + minutes * 60_000;
  const isOver = (): boolean => performance.now() >= endsAt;
  const answers: Answer[] = [];
  const failures: string[] = [];
  const times: number[] = [];
  const prompts = abacus.testPrompts(1_000);
  const encoded = await Promise.all(prompts.map((prompt) => tokenize(reference, prompt)));
  const client = async (index: number): Promise<void> => {
    for (let turn = 0; !isOver(); turn++) {
      const number = turn * clients + index;
      const prompt = encoded[number % encoded.length]!;
      const other = { prompt, max_tokens: 24, ...others[number % others.length] };
      const body = { ...(turn % 2 === 0 ? drawn : other), seed: number, logprobs: 0, return_token_ids: true };
      const started = performance.now();
      const said = await ask(server, body).catch((error: unknown) => String(error));
      times.push(performance.now() - started);
      if (typeof said === "string") failures.push(said);
      else answers.push({ prompt: body.prompt, choice: said });
    }
  };
  console.log(`\noutages: ${clients} requests at once for ${minutes} min\n`);
  printTable(["min", "RSS, MiB", "heap", "calls open", "retries", "answered", "failed"], []);
  const readings: number[] = [];
  const ended = new AbortController();
  const watching = (async () => {
    for (const started = performance.now(); !ended.signal.aborted;) {
      await sleep(readingEveryMs, undefined, { signal: ended.signal }).catch(() => undefined);
      const [reading, { calls, totals }] = [await readServer(server), await remoteOf(server)];
      readings.push(reading.rssMib);
      printRow([
        ((performance.now() - started) / 60_000).toFixed(1),
        ...[reading.rssMib, reading.heapMib, calls.open, totals.retries, answers.length, failures.length].map(
          (value) => value.toFixed(0),
        ),
      ]);
    }
  })();
  let outages = 0;
  const breaking = (async () => {
    for (;;) {
      await sleep(outageEveryMs / 2, undefined, { signal: ended.signal }).catch(() => undefined);
      if (isOver() || ended.signal.aborted) return;
      await promisify(execFile)("sh", ["-c", restart]);
      outages++;
      await sleep(outageEveryMs / 2, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  })();
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  ended.abort();
  await Promise.all([watching, breaking]);

  const wrong = await countWrong(reference, answers);
  const fit = await fitOf(reference, answers);
  const undecided = answers.reduce((sum, { choice }) => sum + (choice.power?.undecided_steps ?? 0), 0);
  const [early, late] = [readings.slice(0, readings.length / 2), readings.slice(readings.length / 2)];
  console.log(
    [
      `\n${outages} outages; ${answers.length} answered, ${failures.length} failed`,
      `latency p50 ${(quantile(times, 0.5) / 1000).toFixed(2)} s, most ${(Math.max(...times) / 1000).toFixed(1)} s`,
      `${wrong} with log-probs that are not the model's; ${undecided} steps undecided`,
      `${fit.count} answers to one prompt against the enumerated p^${drawn.alpha}: p = ${fit.p.toFixed(3)}; against p^${1.4 * drawn.alpha}: ${fit.other.toExponential(1)}`,
      `RSS, first half and second: ${quantile(early, 0.5).toFixed(0)} and ${quantile(late, 0.5).toFixed(0)} MiB`,
      ...new Set(failures.slice(0, 20)),
    ].join("\n"),
  );
  if (failures.length > 0 || wrong > 0 || fit.p < 1e-3) process.exitCode = 1;
}

async function ask(server: ServerProcess, body: object): Promise<Choice> {
  const response = await server.post("/v1/completions", body);
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${text.slice(0, 300)}`);
  return (JSON.parse(text) as { choices: readonly [Choice] }).choices[0];
}

async function tokenize(server: ServerProcess, prompt: string): Promise<readonly number[]> {
  const { tokens } = (await (await server.post("/tokenize", { prompt })).json()) as { tokens: number[] };
  return tokens;
}

interface Remote {
  readonly calls: { readonly open: number };
  readonly totals: { readonly retries: number };
}

/** What it says of the server behind, whether it is there or not. */
async function remoteOf(server: ServerProcess): Promise<Remote> {
  const health = (await (await fetch(`${server.url}/health`)).json()) as { remote: Remote };
  return health.remote;
}

/** How many answers have a log-prob that differs from what the embedded model says of the same tokens. */
async function countWrong(reference: ServerProcess, answers: readonly Answer[]): Promise<number> {
  const known = new Map<string, readonly (number | null)[]>();
  let wrong = 0;
  for (const { prompt, choice } of answers) {
    const tokens = [...prompt, ...choice.token_ids];
    const key = tokens.join();
    if (!known.has(key)) {
      const scored = await ask(reference, { prompt: tokens, echo: true, max_tokens: 0, logprobs: 0 });
      known.set(key, scored.logprobs.token_logprobs.slice(prompt.length));
    }
    const theirs = known.get(key)!;
    const ours = choice.logprobs.token_logprobs;
    const isSame = (logprob: number | null, index: number): boolean =>
      Math.abs((logprob ?? NaN) - (theirs[index] ?? NaN)) < tolerance;
    if (ours.length !== theirs.length || !ours.every(isSame)) wrong++;
  }
  return wrong;
}

/** How well the completions of the one prompt fit p^alpha. */
async function fitOf(
  reference: ServerProcess,
  answers: readonly Answer[],
): Promise<{ readonly count: number; readonly p: number; readonly other: number }> {
  const logprobs = new Map<string, number>();
  const visit = async (tokens: readonly number[], logprob: number): Promise<void> => {
    if (tokens.length === drawn.max_tokens || tokens.at(-1) === endToken) {
      logprobs.set(tokens.join(), logprob);
      return;
    }
    const prompt = [...drawn.prompt, ...tokens];
    const asked = { prompt, max_tokens: 1, logprobs: vocabularySize, return_tokens_as_token_ids: true };
    const top = (await ask(reference, asked)).logprobs.top_logprobs[0]!;
    for (let id = 0; id < vocabularySize; id++)
      await visit([...tokens, id], logprob + top[`token_id:${id}`]!);
  };
  await visit([], 0);
  const counts = new Map([...logprobs.keys()].map((key) => [key, 0]));
  for (const { prompt, choice } of answers) {
    const key = choice.token_ids.join();
    if (prompt === drawn.prompt) counts.set(key, counts.get(key)! + 1);
  }
  const pOf = (alpha: number): number => {
    const weights = [...logprobs.values()].map((logprob) => Math.exp(alpha * logprob));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return chiSquare(
      [...counts.values()],
      weights.map((weight) => weight / total),
    ).pValue;
  };
  const count = [...counts.values()].reduce((sum, value) => sum + value, 0);
  return { count, p: pOf(drawn.alpha), other: pOf(1.4 * drawn.alpha) };
}
