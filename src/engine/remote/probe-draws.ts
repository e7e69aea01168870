import { InferenceError } from "../../core/errors.ts";
import type { TokenId, TopTokens } from "../../core/tokens.ts";
import type { DrawCall, ReportedToken } from "./dialect.ts";
import { biased } from "./probe-calls.ts";
import type { ProbeCalls } from "./probe-calls.ts";

/** Side by side. */
const together = 8;

/** Of the likeliest token at temperature 1: at 1/4 it has .996. */
const share = 0.8;
const coldDraws = 128;
/** Of 128 cold draws, other tokens: more by chance 1e-10, and as few at temperature 1 by 1e-5. */
const mostOthers = 7;

/**
 * Tests whether what a server says of the likeliest tokens depends on which of them it draws.
 * @param top at temperature 1 after the probe's prompt
 * @returns why these are no log-probs; `undefined` where they may be
 */
export async function findUnsteadiness(calls: ProbeCalls, top: TopTokens): Promise<string | undefined> {
  const drawn = await drawMany(calls, { topCount: top.ids.length }, together);
  const logprobs = new Map<TokenId, number>();
  for (const { ids, logprobs: its } of [top, ...drawn.map((token) => token.top)])
    for (const [rank, id] of ids.entries())
      logprobs.set(id, Math.max(its[rank]!, logprobs.get(id) ?? -Infinity));
  const mass = Array.from(logprobs.values(), Math.exp).reduce((sum, p) => sum + p, 0);
  return mass > 1.1 ? `in several draws after one prompt they sum to ${mass.toFixed(2)}` : undefined;
}

/**
 * Tests whether a server that reports log-probs of the model, which tell nothing of it, draws by the temperature it is
 * told.
 * @param top at temperature 1 after the probe's prompt
 * @throws InferenceError `unsupported` where it does not
 */
export async function refuseOtherTemperature(calls: ProbeCalls, top: TopTokens): Promise<void> {
  const [first, second] = [top.ids[0], top.ids[1]];
  if (first === undefined || second === undefined || calls.settings.dialect.inverseTemperatures.most < 4)
    return;
  // Two tokens far above all others.
  const lifted = 60 + Math.log(share / (1 - share));
  const bias = new Map<TokenId, number>([
    [first, lifted],
    [second, 60 + top.logprobs[0]! - top.logprobs[1]!],
  ]);
  if (bias.get(second)! > 100) return;
  const sampling = { ...biased(bias), inverseTemperature: 4 };
  const drawn = await drawMany(calls, { sampling }, coldDraws);
  const others = drawn.filter(({ token }) => token !== first).length;
  if (others <= mostOthers) return;
  throw new InferenceError(
    "unsupported",
    `The server draws by another temperature than it is told: of ${coldDraws} tokens at 0.25, ${others} were others than one that has 99.6%. What stands in front of it must pass on temperature, and it must be started without a sampler of its own (llama.cpp: --mirostat 0).`,
  );
}

async function drawMany(
  calls: ProbeCalls,
  changes: Partial<DrawCall>,
  count: number,
): Promise<readonly ReportedToken[]> {
  const all: ReportedToken[] = [];
  while (all.length < count)
    all.push(...(await Promise.all(Array.from({ length: together }, () => calls.drawOne(changes)))));
  return all;
}
