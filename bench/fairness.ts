import { setMaxListeners } from "node:events";
import { createCompleter } from "../src/assembly/create-completer.ts";
import { usualEngine } from "../src/assembly/engine-settings.ts";
import type { GenerateRequest, Completer } from "../src/decoder/completer.ts";
import type { Share } from "../src/engine/engine.ts";
import { abacus } from "../lab/abacus.ts";
import { median, printTable } from "./report.ts";

const crowdSize = 64;

const toRequest = (prompt: string, seed: number, share: Share): GenerateRequest => ({
  prompt: abacus.vocabulary.encode(prompt),
  settings: { sampler: "standard", temperature: 1 },
  maxTokens: 48,
  ignoreEnd: true,
  stop: [],
  seed,
  choice: 0,
  topCount: 0,
  share,
});

async function run(completer: Completer, request: GenerateRequest, signal: AbortSignal): Promise<number> {
  let tokens = 0;
  for await (const event of completer.complete(request, signal)) {
    if (event.type === "text") tokens += event.tokens.length;
  }
  return tokens;
}

interface Outcome {
  readonly loneMs: number;
  readonly crowdTokensPerSecond: number;
}

/** What a lone request takes, again and again, beside a crowd that never ends. */
async function measure(rounds: number, lone: Share, crowd: Share | undefined): Promise<Outcome> {
  const { completer } = await createCompleter(usualEngine);
  const [prompt, ...prompts] = abacus.testPrompts(crowdSize + 1);
  const leaving = new AbortController();
  setMaxListeners(0, leaving.signal);
  let crowdTokens = 0;
  const member = async (index: number, share: Share): Promise<void> => {
    for (let round = 0; !leaving.signal.aborted; round++) {
      const request = toRequest(prompts[index]!, index + crowdSize * round, share);
      const tokens = await run(completer, request, leaving.signal);
      crowdTokens += tokens;
    }
  };
  const members =
    crowd === undefined ? [] : prompts.map((_, index) => member(index, crowd).catch(() => undefined));
  const times: number[] = [];
  // The first two rounds warm up caches and compiled code.
  let started = 0;
  for (let round = -2; round < rounds; round++) {
    if (round === 0) {
      crowdTokens = 0;
      started = performance.now();
    }
    const asked = performance.now();
    await run(completer, toRequest(prompt!, round + 10_000, lone), new AbortController().signal);
    if (round >= 0) times.push(performance.now() - asked);
  }
  const seconds = (performance.now() - started) / 1000;
  const crowdTokensPerSecond = crowdTokens / seconds;
  leaving.abort();
  await Promise.all(members);
  await completer[Symbol.asyncDispose]();
  return { loneMs: median(times), crowdTokensPerSecond };
}

/** How long a request of one completion takes beside one of 64 that holds all lanes. */
export async function benchFairness(rounds: number): Promise<void> {
  const lone: Share = { client: "anyone", request: "lone", priority: "interactive" };
  const crowd: Share = { ...lone, request: "crowd" };
  const cases: readonly (readonly [string, Share, Share | undefined])[] = [
    ["alone", lone, undefined],
    ["in the crowd's queue", crowd, crowd],
    ["a request of its own", lone, crowd],
    ["of another client", { ...lone, client: "another" }, crowd],
    ["beside a batch crowd", lone, { ...crowd, priority: "batch" }],
  ];
  const rows: string[][] = [];
  let alone: number | undefined;
  for (const [name, share, crowd] of cases) {
    const { loneMs, crowdTokensPerSecond } = await measure(rounds, share, crowd);
    alone ??= loneMs;
    const rate = crowd === undefined ? "" : crowdTokensPerSecond.toFixed(0);
    rows.push([name, loneMs.toFixed(1), `${(loneMs / alone).toFixed(1)}x`, rate]);
  }
  console.log(
    `\n(h) one completion of 48 tokens beside ${crowdSize} others on 16 lanes, medians of ${rounds}\n`,
  );
  printTable(["", "ms", "against alone", "the crowd's tokens/s"], rows);
}
