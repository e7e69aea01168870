import { usualEngine } from "../src/assembly/engine-settings.ts";
import type { EngineServer, EngineSettings } from "../src/assembly/engine-settings.ts";
import type { Completer, GenerateRequest } from "../src/decoder/completer.ts";
import { remoteDetails } from "../src/engine/health.ts";
import type { RemoteDetails } from "../src/engine/health.ts";
import type { SamplerSettings } from "../src/samplers/registry.ts";
import { accelerated, naive, openCompleter } from "./chains.ts";
import { chatQuestions } from "./frontier/questions.ts";
import { encodeQuestion } from "./question.ts";
import { median, printTable } from "./report.ts";
import { readServerCounts } from "./server-counts.ts";

export interface ClusterSettings {
  /** Folder of the tokenizer of the model that the server runs. */
  readonly model: string;
  readonly server: Pick<EngineServer, "dialect" | "url" | "maxCalls">;
  readonly rounds: number;
  /** Of each answer. */
  readonly tokens: number;
  /** Requests at once. */
  readonly atOnce: readonly number[];
  /** Sides whose names match; all when left out. */
  readonly only?: string | undefined;
}

const drafted: SamplerSettings = {
  sampler: "power",
  alpha: 4,
  mcmcSteps: 2,
  blockSize: 4096,
  proposalTemperature: 0.25,
  schedule: "full",
  warmUp: { name: "particles", particles: 20 },
};

/** What is asked for. */
const kinds: readonly { readonly name: string; readonly settings: SamplerSettings }[] = [
  { name: "standard", settings: { sampler: "standard", temperature: 1 } },
  { name: "power as it comes", settings: drafted },
  {
    name: "power, blocks of 16, 4 steps",
    settings: { ...drafted, blockSize: 16, mcmcSteps: 4, warmUp: { name: "blocks" } },
  },
];

const variants: readonly { readonly name: string; readonly switches: Partial<EngineSettings> }[] = [
  { name: "", switches: accelerated },
  { name: "; no memo", switches: { ...accelerated, memo: false } },
  { name: "; no early rejection", switches: { ...accelerated, earlyRejection: false } },
  { name: "; no prefetching", switches: { ...accelerated, prefetch: false } },
  { name: "; none of these", switches: naive },
];

/** One of those that are compared: what it is asked, and whom. */
interface Side {
  readonly name: string;
  readonly settings: SamplerSettings;
  readonly completer: Completer;
  readonly turns: Turn[];
}

/** What its requests of one round came to. */
interface Turn {
  readonly seconds: readonly number[];
  readonly steps: number;
  readonly undecided: number;
  readonly refinements: number;
  readonly calls: number;
  readonly callMs: number;
  /** Of this process: the worker's, and what the client does. */
  readonly cpuMs: number;
  /** By the server's own count. */
  readonly drawn: number;
  readonly prefilled: number;
  readonly cached: number;
}

/**
 * Power sampling over a server, against standard sampling, with each acceleration switched off: all answer the same
 * questions with the same seeds, new ones in every round, another side first each time. The server's cache is emptied
 * in between where it lets us (vLLM: VLLM_SERVER_DEV_MODE=1); else who comes later finds what others have asked.
 */
export async function benchCluster(settings: ClusterSettings): Promise<void> {
  const { model, server, rounds, tokens } = settings;
  const only = new RegExp(settings.only ?? "");
  const place: EngineServer = {
    ...server,
    key: undefined,
    model: undefined,
    sessionHeader: "x-session-id",
    waitSeconds: 300,
  };
  const completers: Completer[] = [];
  for (const { switches } of variants)
    completers.push(await openCompleter({ ...usualEngine, ...switches, model, server: place }));
  console.log(
    `\n${server.dialect}, ${tokens} tokens to each question, ${server.maxCalls} calls at once at most, ${rounds} rounds`,
  );
  for (const side of sidesOf(completers, only)) await takeTurn(side, settings, { atOnce: 1, round: -1 });
  for (const atOnce of settings.atOnce) {
    const sides = sidesOf(completers, only);
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < sides.length; turn++) {
        const side = sides[(turn + round) % sides.length]!;
        side.turns.push(await takeTurn(side, settings, { atOnce, round }));
      }
    }
    console.log(`\n${atOnce} at once\n`);
    printTable(
      head,
      sides.map((side) => rowOf(side, tokens)),
    );
  }
  console.log(`\nms a token by calls under way, as learned: ${timesOf(await detailsOf(completers[0]!))}`);
  for (const completer of completers) await completer[Symbol.asyncDispose]();
}

function sidesOf(completers: readonly Completer[], only: RegExp): Side[] {
  return kinds.flatMap(({ name: kind, settings }) =>
    variants.flatMap(({ name: variant }, index) => {
      const name = `${kind}${variant}`;
      // What draws each token once has nothing to switch off.
      const isCompared = settings.sampler === "power" || index === 0;
      return isCompared && only.test(name)
        ? [{ name, settings, completer: completers[index]!, turns: [] }]
        : [];
    }),
  );
}

async function takeTurn(
  { completer, settings }: Side,
  { server, tokens: maxTokens }: ClusterSettings,
  { atOnce, round }: { readonly atOnce: number; readonly round: number },
): Promise<Turn> {
  const questions = Array.from({ length: atOnce }, (_, index) => {
    const { text } = chatQuestions[(index + round + 1) % chatQuestions.length]!;
    // The memo is not to know it.
    return `(${atOnce}, ${round}) ${text}`;
  });
  const prompts = await Promise.all(questions.map((question) => encodeQuestion(completer, question)));
  const count = async () => ({
    ...(await readServerCounts(server.dialect, server.url)),
    ...(await detailsOf(completer)).totals,
    cpuMs: process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000,
  });
  await fetch(new URL("/reset_prefix_cache", server.url), { method: "POST" });
  const before = await count();
  const answers = await Promise.all(
    prompts.map((prompt, index) =>
      ask(completer, { prompt, settings, maxTokens, seed: 100 * (round + 1) + index }),
    ),
  );
  const after = await count();
  const spent = (key: keyof typeof after): number => after[key] - before[key];
  return {
    seconds: answers.map(({ seconds }) => seconds),
    steps: sum(answers.map(({ steps }) => steps)),
    undecided: sum(answers.map(({ undecided }) => undecided)),
    refinements: spent("refinements"),
    calls: spent("calls"),
    callMs: spent("callMs"),
    cpuMs: spent("cpuMs"),
    drawn: spent("drawn"),
    prefilled: spent("prefilled"),
    cached: spent("cached"),
  };
}

async function ask(
  completer: Completer,
  request: Pick<GenerateRequest, "prompt" | "settings" | "maxTokens" | "seed">,
): Promise<{ readonly seconds: number; readonly steps: number; readonly undecided: number }> {
  const start = performance.now();
  const whole = { ...request, stop: [], choice: 0, topCount: 0, ignoreEnd: true };
  for await (const event of completer.complete(whole, new AbortController().signal)) {
    if (event.type !== "finish") continue;
    const { steps = 0, undecided_steps: undecided = 0 } = event.report.power ?? {};
    return { seconds: (performance.now() - start) / 1000, steps, undecided };
  }
  throw new Error("the completer ended without a finish");
}

async function detailsOf(completer: Completer): Promise<RemoteDetails> {
  const details = remoteDetails(await completer.health());
  if (details === undefined) throw new Error("the engine is not a server's");
  return details;
}

const timesOf = ({ tokenTimes }: RemoteDetails): string =>
  tokenTimes.map(({ calls, ms }) => `${calls}: ${ms.toFixed(1)}`).join(", ");

const head = [
  "",
  "an answer, s",
  "tokens/s of all",
  "calls",
  "drawn a token",
  "prefilled",
  "cached",
  "steps",
  "refined",
  "undecided",
  "time of calls, s",
  "CPU here, ms",
];

/** Medians of seconds; of the rest, means over all answers. */
function rowOf({ name, turns }: Side, tokens: number): string[] {
  const seconds = turns.flatMap((turn) => turn.seconds);
  const total = (key: Exclude<keyof Turn, "seconds">): number => sum(turns.map(({ [key]: value }) => value));
  const perAnswer = (key: Exclude<keyof Turn, "seconds">): number => total(key) / seconds.length;
  const perToken = (key: Exclude<keyof Turn, "seconds">): string => (perAnswer(key) / tokens).toFixed(2);
  const ofSteps = (key: "refinements" | "undecided"): string =>
    total("steps") === 0 ? "" : `${((100 * total(key)) / total("steps")).toFixed(1)} %`;
  const rates = turns.map((turn) => (turn.seconds.length * tokens) / Math.max(...turn.seconds));
  return [
    name,
    median(seconds).toFixed(2),
    median(rates).toFixed(1),
    perAnswer("calls").toFixed(1),
    perToken("drawn"),
    perToken("prefilled"),
    perToken("cached"),
    perAnswer("steps").toFixed(0),
    ofSteps("refinements"),
    ofSteps("undecided"),
    (perAnswer("callMs") / 1000).toFixed(2),
    perAnswer("cpuMs").toFixed(0),
  ];
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
