import { setTimeout } from "node:timers/promises";
import { InferenceError } from "../../core/errors.ts";
import type { TokenId, TopTokens } from "../../core/tokens.ts";
import type { ReportedToken } from "./dialect.ts";
import type { ServerFacts } from "./facts.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { ProbeCalls, biased, probePrompt } from "./probe-calls.ts";
import type { ProbeSettings } from "./probe-calls.ts";
import { findUnsteadiness, refuseOtherTemperature } from "./probe-draws.ts";
import { refuseTruncation } from "./probe-truncation.ts";
import { RemoteError } from "./remote-error.ts";

/** More of the likeliest than this are not looked for: what they leave open is next to nothing. */
const mostSought = 16_384;
/** What passes in float32 differ by at most, nats. */
const float32Noise = 1e-3;
/** Of a token, to see whether it is seen, nats. */
const bias = 5;
/** What two passes of one model in any precision differ by at most, nats. */
const mostNoise = 1;

/**
 * Measures what a server does, whatever it says of itself.
 * @param mostTop as the server says; found by trying where it does not
 * @throws InferenceError `unsupported` for what would make the law wrong, with what mends it; RemoteError
 */
export async function probe(settings: ProbeSettings, mostTop: number | undefined): Promise<ServerFacts> {
  const calls = new ProbeCalls(settings);
  const { dialect, vocabularySize } = settings;
  const most = Math.min(vocabularySize, mostTop ?? (await findMost(calls)));
  if (most === 0) {
    const flag = dialect.mostTopFlag === undefined ? "" : ` Start it with ${dialect.mostTopFlag} 20 or more.`;
    throw new InferenceError("unsupported", `The server reports none of the likeliest tokens.${flag}`);
  }
  const fingerprint = await fingerprintOf(calls, most);
  const { top } = await calls.drawOne({ topCount: Math.min(most, 64) });
  const logprobs = await logprobsMode(calls, top);
  if (dialect.adjustments.includes("logit_bias")) {
    await refuseTruncation(calls, top);
    if (logprobs !== "sampled") await refuseOtherTemperature(calls, top);
  }
  const seedsRepeat = await measureSeeds(calls);
  const disagreement = await measureDisagreement(calls, logprobs);
  return {
    logprobs,
    mostTop: most,
    seedsRepeat,
    disagreement,
    reproducibility: disagreement <= float32Noise ? "rounding" : "approximate",
    tellsEnds: await tellsEnds(calls),
    aborts: await measureAborts(calls),
    caches: await measureCaching(calls),
    fingerprint,
  };
}

/** By asking for more and more: a server refuses what is too much, or reports fewer. */
async function findMost(calls: ProbeCalls): Promise<number> {
  const limit = Math.min(calls.settings.vocabularySize, mostSought);
  const canTell = async (count: number): Promise<boolean> => {
    try {
      return (await calls.drawOne({ topCount: count })).top.ids.length >= count;
    } catch (error) {
      if (error instanceof RemoteError && error.isOfCall) return false;
      throw error;
    }
  };
  if (await canTell(limit)) return limit;
  let [most, tooMany] = [0, limit];
  for (let count = 20; count < tooMany; count *= 4) {
    if (await canTell(count)) most = count;
    else tooMany = count;
  }
  while (tooMany - most > 1) {
    const count = (most + tooMany) >> 1;
    if (await canTell(count)) most = count;
    else tooMany = count;
  }
  return most;
}

/**
 * Whose log-probs are reported: between two tokens, log q differs by 1/τ times as much as log p, whatever log Z is.
 * @param top at temperature 1, where both are the same
 */
async function logprobsMode(calls: ProbeCalls, top: TopTokens): Promise<ServerFacts["logprobs"]> {
  const { dialect } = calls.settings;
  refuseUnlike(calls, top);
  const unsteady = await findUnsteadiness(calls, top);
  if (unsteady !== undefined) throw noLogprobs(calls, unsteady);
  const cold = Math.min(4, dialect.inverseTemperatures.most);
  const { top: coldTop } = await calls.drawOne({
    topCount: top.ids.length,
    sampling: { inverseTemperature: cold },
  });
  const slope = slopeOf(top, coldTop);
  if (Math.abs(slope - cold) < 0.1 * cold) return "sampled";
  if (Math.abs(slope - 1) >= 0.1)
    throw noLogprobs(calls, `they change ${slope.toFixed(2)} times with the temperature`);
  if (dialect.adjustments.includes("logit_bias")) {
    const raised = top.ids[1] ?? top.ids[0]!;
    const { top: changed } = await calls.drawOne({
      topCount: top.ids.length,
      sampling: biased([[raised, bias]]),
    });
    // Of the two that were likeliest: how far apart they are does not depend on the others.
    const moved = lead(changed, raised, top.ids[0]!) - lead(top, raised, top.ids[0]!);
    if (!(Math.abs(moved) < bias / 4)) {
      if (dialect.score !== undefined) return "adjusted";
      throw noLogprobs(calls, "they are of the law after logit_bias and penalties");
    }
  }
  return "raw";
}

/** By how much a token's log-prob is above another's; NaN where one of them is not told. */
function lead({ ids, logprobs }: TopTokens, token: TokenId, other: TokenId): number {
  return (logprobs[ids.indexOf(token)] ?? NaN) - (logprobs[ids.indexOf(other)] ?? NaN);
}

/** How many times as far apart the tokens of the second are as those of the first; 1 where all are alike. */
function slopeOf(first: TopTokens, second: TopTokens): number {
  let [products, squares] = [0, 0];
  for (const [rank, id] of first.ids.entries()) {
    const other = second.logprobs[second.ids.indexOf(id)];
    if (other === undefined || !Number.isFinite(other) || !Number.isFinite(first.logprobs[rank]!)) continue;
    const base = second.logprobs[second.ids.indexOf(first.ids[0]!)];
    if (base === undefined) return NaN;
    const apart = first.logprobs[0]! - first.logprobs[rank]!;
    products += apart * (base - other);
    squares += apart * apart;
  }
  return squares < 1e-6 ? 1 : products / squares;
}

function refuseUnlike(calls: ProbeCalls, { logprobs }: TopTokens): void {
  const mass = logprobs.reduce((sum, logprob) => sum + Math.exp(logprob), 0);
  const isWhole = logprobs.length === calls.settings.vocabularySize;
  if (mass > 1.02 || (isWhole && mass < 0.98))
    throw noLogprobs(calls, `the probabilities of ${logprobs.length} tokens sum to ${mass.toFixed(2)}`);
}

const noLogprobs = ({ settings: { dialect } }: ProbeCalls, why: string): InferenceError =>
  new InferenceError(
    "unsupported",
    `The numbers that the server reports are neither log-probs of the model nor of the law that it draws from: ${why}. Start it with ${dialect.rawFlag}.`,
  );

/** @throws InferenceError `unsupported` where all seeds draw the same, though it is next to impossible */
async function measureSeeds(calls: ProbeCalls): Promise<boolean> {
  const { least } = calls.settings.dialect.inverseTemperatures;
  const inverseTemperature = Math.max(0.5, least);
  const sampling = { inverseTemperature };
  const maxTokens = calls.roomFor(8);
  const draw = async (seed: number): Promise<readonly ReportedToken[]> =>
    calls.draw({ sampling, maxTokens, seed });
  const textOf = (tokens: readonly ReportedToken[]): string => tokens.map(({ token }) => token).join();
  const first = await draw(1001);
  const again = await draw(1001);
  const others = await Promise.all([1002, 1003, 1004, 1005, 1006, 1007].map(draw));
  const isSame = others.every((tokens) => textOf(tokens) === textOf(first));
  // log q = (1/τ)·log p − log Z, and log Z ≥ 0 at temperatures above 1.
  const mostLogQ = inverseTemperature * first.reduce((sum, { logprob }) => sum + logprob, 0);
  if (isSame && others.length * mostLogQ < Math.log(1e-6)) {
    throw new InferenceError(
      "unsupported",
      "The server draws the same tokens whatever the seed: what stands in front of it must pass on seed and temperature.",
    );
  }
  return textOf(again) === textOf(first);
}

/**
 * How far log-probs of decoding and of a prompt's pass are apart at most, nats; NaN where it cannot score. What is drafted
 * and taken is likely: greedy tokens are most often.
 */
async function measureDisagreement(calls: ProbeCalls, logprobs: ServerFacts["logprobs"]): Promise<number> {
  const { dialect } = calls.settings;
  const maxTokens = calls.roomFor(16);
  const draws = [await calls.draw({ maxTokens })];
  if (logprobs !== "sampled")
    draws.push(await calls.draw({ maxTokens, sampling: { inverseTemperature: 1, topK: 1 } }));
  if (dialect.score === undefined) return NaN;
  let apart = 0;
  for (const drawn of draws) apart = Math.max(apart, await distanceFromScores(calls, drawn));
  if (apart > mostNoise) {
    throw new InferenceError(
      "unsupported",
      `The server's log-probs of tokens that it draws and of the same tokens in a prompt differ by ${apart.toFixed(2)} nats: start it without ${dialect.agreementFlags}.`,
    );
  }
  return apart;
}

async function distanceFromScores(calls: ProbeCalls, drawn: readonly ReportedToken[]): Promise<number> {
  const { server, dialect, model, signal, contextLength } = calls.settings;
  const sequence = [...calls.prompt, ...drawn.map(({ token }) => token)];
  const tokens = sequence.slice(0, contextLength - dialect.scoreRoom);
  const from = calls.prompt.length;
  const call = { model, session: "probe", tokens, from, topCount: 1 };
  const scores = await dialect.score!(server, call, signal);
  return Math.max(0, ...scores.map(({ logprob }, index) => Math.abs(logprob - drawn[index]!.logprob)));
}

async function tellsEnds(calls: ProbeCalls): Promise<boolean> {
  const { token } = await calls.drawOne({ sampling: { inverseTemperature: 1, topK: 1 } });
  const tokens = await calls.draw({
    sampling: { inverseTemperature: 1, topK: 1 },
    endTokens: [token],
    maxTokens: calls.roomFor(4),
  });
  return tokens.length === 1 && tokens[0]!.token === token;
}

/** Whether a call that is closed is run no further. */
async function measureAborts(calls: ProbeCalls): Promise<boolean | undefined> {
  const { server, dialect, signal } = calls.settings;
  const running = (): Promise<number | undefined> =>
    // Metrics may be anywhere, or nowhere: nothing depends on them.
    dialect.running?.(server, signal).catch(() => undefined) ?? Promise.resolve(undefined);
  const before = await running();
  if (before === undefined) return undefined;
  const controller = new AbortController();
  const maxTokens = calls.roomFor(512);
  try {
    for await (const _ of calls.stream({ maxTokens }, controller.signal)) controller.abort();
  } catch {
    // It was aborted.
  }
  for (let attempt = 0; attempt < 20; attempt++) {
    if (((await running()) ?? 0) <= before) return true;
    await setTimeout(50, undefined, { signal });
  }
  return false;
}

async function measureCaching(calls: ProbeCalls): Promise<boolean | undefined> {
  const { vocabularySize, contextLength } = calls.settings;
  // Long enough for a few blocks of any cache.
  const prefix = probePrompt(vocabularySize, Math.min(128, contextLength - 1));
  let cached: number | undefined;
  const onCached = (tokens: number): void => {
    cached = tokens;
  };
  for (let time = 0; time < 2; time++) await calls.drawOne({ prefix, onCached });
  return cached === undefined ? undefined : cached > 0;
}
