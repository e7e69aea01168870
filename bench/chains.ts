import { locateModel, locateTokenizer } from "../src/assembly/locate-model.ts";
import { usualEngine } from "../src/assembly/engine-settings.ts";
import type { EngineSettings } from "../src/assembly/engine-settings.ts";
import { readModelFolder } from "../src/decoder/model-folder.ts";
import { WorkerCompleter } from "../src/decoder/worker-completer.ts";
import type { GenerateRequest, Completer } from "../src/decoder/completer.ts";
import type { SettingsOf } from "../src/samplers/registry.ts";
import { abacus } from "../lab/abacus.ts";
import { time } from "./report.ts";

/** What the embedded model's folder asks for. */
export const usualPower: SettingsOf<"power"> = {
  sampler: "power",
  alpha: 4,
  mcmcSteps: 10,
  blockSize: 3,
  proposalTemperature: 0.25,
  schedule: "full",
};

/** A chain that does nothing cleverly. */
export const naive = { memo: false, earlyRejection: false, prefetch: false } as const;
export const accelerated = { memo: true, earlyRejection: true, prefetch: true } as const;

export type ChainRequest = Pick<GenerateRequest, "prompt" | "settings" | "maxTokens" | "seed">;

/** One request each for the first prompts of the embedded model's test set. */
export function embeddedRequests(count: number, changes: Partial<SettingsOf<"power">> = {}): ChainRequest[] {
  return abacus.testPrompts(count).map((prompt, seed) => ({
    prompt: abacus.vocabulary.encode(prompt),
    settings: { ...usualPower, ...changes },
    maxTokens: 48,
    seed,
  }));
}

/** Requests for a model of random weights whose tokens are bytes. */
export function byteRequests(
  count: number,
  maxTokens: number,
  changes: Partial<SettingsOf<"power">> = {},
): ChainRequest[] {
  return Array.from({ length: count }, (_, seed) => ({
    prompt: [seed % 256, 7, 1],
    settings: { ...usualPower, blockSize: 8, ...changes },
    maxTokens,
    seed,
  }));
}

/** The compiled completer in a worker thread of its own, as `metropolis serve` has it. `npm run bench` builds it. */
export async function openCompleter(changes: Partial<EngineSettings>): Promise<Completer> {
  const settings = { ...usualEngine, ...changes };
  const { folder, id } = await (settings.server === undefined ? locateModel : locateTokenizer)(settings);
  const { tokenizer, prompts } = await readModelFolder(folder, id);
  return WorkerCompleter.start({
    entry: new URL("../dist/assembly/worker.js", import.meta.url),
    workerData: { settings },
    tokenizer,
    prompts,
    onNote: () => undefined,
  });
}

/** The tokens that came out, and what they cost. */
export interface Answer {
  readonly tokens: string;
  readonly emitted: number;
  readonly evaluated: number;
}

export async function answer(completer: Completer, request: ChainRequest): Promise<Answer> {
  const tokens: number[] = [];
  const whole = { ...request, stop: [], choice: 0, topCount: 0, inOnePiece: true };
  for await (const event of completer.complete(whole, new AbortController().signal)) {
    if (event.type === "finish")
      return { tokens: tokens.join(), emitted: tokens.length, evaluated: event.evaluatedTokens };
    if (event.type === "text") for (const { token } of event.tokens) tokens.push(token);
  }
  throw new Error("the completer ended without a finish");
}

/** Answers all requests, so many of them at a time. */
export async function answerAll(
  completer: Completer,
  requests: readonly ChainRequest[],
  atOnce: number,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  const takeTurns = async (): Promise<void> => {
    while (next < requests.length) {
      const index = next++;
      answers[index] = await answer(completer, requests[index]!);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, takeTurns));
  return answers;
}

/** One of the completers that are compared: what it answered, and how long it took. */
export interface Side {
  readonly completer: Completer;
  readonly answers: Answer[];
  seconds: number;
}

export const sideOf = async (changes: Partial<EngineSettings>): Promise<Side> => ({
  completer: await openCompleter(changes),
  answers: [],
  seconds: 0,
});

/** Until V8 has compiled what a chain runs through; a server is past that after its first minute. */
const warmUpMs = 4_000;

/** Requests that a side answers before the next has its turn, so that each finds the processor's caches its own. */
const usualTurn = 10;

export async function warmUp({ completer }: Side, requests: readonly ChainRequest[]): Promise<void> {
  const end = performance.now() + warmUpMs;
  for (let next = 0; performance.now() < end; next++)
    await answer(completer, requests[next % requests.length]!);
}

/**
 * Lets all sides answer the same requests one by one, in turns, so that whatever else the machine does hits all alike;
 * there and back, so that none always comes after another.
 */
export async function takeTurns(
  sides: readonly Side[],
  requests: readonly ChainRequest[],
  turn = usualTurn,
): Promise<void> {
  for (let start = 0; start < requests.length; start += turn) {
    const chunk = requests.slice(start, start + turn);
    for (const side of (start / turn) % 2 === 0 ? sides : sides.toReversed()) {
      side.seconds += await time(async () =>
        side.answers.push(...(await answerAll(side.completer, chunk, 1))),
      );
    }
  }
}

/** Evaluations per emitted token over all answers. */
export function evaluationsPerToken(answers: readonly Answer[]): number {
  const sum = (key: "evaluated" | "emitted"): number =>
    answers.reduce((total, { [key]: count }) => total + count, 0);
  return sum("evaluated") / sum("emitted");
}
