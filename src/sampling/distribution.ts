import type { LogitAdjustments } from "./logit-adjustments.ts";
import { likeliest, selectDescending } from "./likeliest.ts";
import type { TokenId, TopTokens } from "../core/tokens.ts";

/**
 * How a token is drawn from a next-token distribution p: q(v) ∝ p(v)^{1/τ}, then truncated. Truncations keep a
 * prefix of the tokens in descending probability; top_p is measured on what top_k left, as vLLM and
 * Hugging Face do.
 */
export interface Sampling {
  /** 1/τ. */
  readonly inverseTemperature: number;
  /** Keep the k likeliest; 1 is greedy. */
  readonly topK?: number;
  /** Keep the smallest set whose mass reaches this. */
  readonly topP?: number;
  /** Keep what has at least this share of the likeliest token's probability. */
  readonly minP?: number;
  /** Applied to the logits before anything else. */
  readonly adjustments?: LogitAdjustments;
}

/** Tests whether some token cannot be drawn: then a proposal could not propose the way back. */
export function isTruncated({ topK, topP, minP }: Sampling): boolean {
  return topK !== undefined || (topP !== undefined && topP < 1) || (minP !== undefined && minP > 0);
}

/** A next-token distribution p, measured: whoever holds it need not look at the logits on the usual path. */
export interface Distribution {
  /** log Σ_v exp(logit_v), so that log p(v) = logit_v − logSum. */
  readonly logSum: number;
  /** log Z = log Σ_v p(v)^{1/τ} at the 1/τ it was measured for. */
  readonly logNormalizer: number;
  /** −Σ_v p(v) log p(v), nats. */
  readonly entropy: number;
  /** The likeliest tokens: `measuredTop` of them, or the whole of a smaller vocabulary. */
  readonly top: TopTokens;
  readonly vocabularySize: number;
  /** The row itself, for what the rest does not tell. Borrowed: valid until the next pass. */
  readonly readLogits: () => Float32Array;
}

/** The `count` likeliest tokens, most likely first; ties go to the lower id. */
export function topTokens(
  { top, vocabularySize, readLogits, logSum }: Distribution,
  count: number,
): TopTokens {
  const limit = Math.min(count, vocabularySize);
  return limit <= top.ids.length ? firstOf(top, limit) : likeliest(readLogits(), limit, logSum);
}

function firstOf(top: TopTokens, count: number): TopTokens {
  if (count >= top.ids.length) return top;
  return { ids: top.ids.slice(0, count), logprobs: top.logprobs.slice(0, count) };
}

/** What a truncation leaves: the `count` likeliest tokens, which hold `mass` of the tempered law. */
export interface Kept {
  readonly count: number;
  readonly mass: number;
}

const everything: Kept = { count: Infinity, mass: 1 };

/** A token drawn by inverse CDF, by its rank in descending probability. */
export interface Draw {
  readonly rank: number;
  /** log q of the token under the law it was drawn from. */
  readonly proposalLogprob: number;
  readonly kept: Kept;
}

/** Log-probs reported of the model itself, or of the law that tokens were drawn from. */
export const logprobsModes = ["raw", "sampled"] as const;
export type LogprobsMode = (typeof logprobsModes)[number];

/** The first `count` of the likeliest tokens with log q = (1/τ) log p − log Z − log mass; −∞ for those cut off. */
export function sampledTop(
  { ids, logprobs }: TopTokens,
  count: number,
  law: TemperedLaw,
  kept: Kept = everything,
): TopTokens {
  const logMass = Math.log(kept.mass);
  return {
    ids: ids.slice(0, count),
    logprobs: logprobs
      .slice(0, count)
      .map((logprob, rank) =>
        rank < kept.count ? law.inverseTemperature * logprob - law.logNormalizer - logMass : -Infinity,
      ),
  };
}

/** q(v) = p(v)^{1/τ} / Z. */
export interface TemperedLaw {
  readonly inverseTemperature: number;
  readonly logNormalizer: number;
}

/**
 * Draws from the untruncated tempered law by inverse CDF in descending probability, looking at the top tokens
 * alone. `undefined` means that `u` falls in the tail beyond them. Whoever holds the same top tokens, log Z and
 * `u` draws the same token: the engine and the memo share this function.
 */
export function drawFromTop(top: TopTokens, law: TemperedLaw, u: number): Draw | undefined {
  let cumulative = 0;
  for (let rank = 0; rank < top.logprobs.length; rank++) {
    const proposalLogprob = law.inverseTemperature * top.logprobs[rank]! - law.logNormalizer;
    cumulative += Math.exp(proposalLogprob);
    if (u < cumulative) return { rank, proposalLogprob, kept: everything };
  }
  return undefined;
}

/**
 * Draws from the untruncated tempered law when `u` falls beyond the top tokens: the rest of the same CDF, over the
 * whole row. Takes a few passes over the row and sorts nothing.
 * @returns the token, or `undefined` when rounding left the CDF under `u` and nothing is beyond the top
 */
export function drawFromTail(
  { top, vocabularySize, readLogits, logSum }: Distribution,
  law: TemperedLaw,
  u: number,
): TokenId | undefined {
  if (top.ids.length === vocabularySize) return undefined;
  const probability = (logprob: number): number =>
    Math.exp(law.inverseTemperature * logprob - law.logNormalizer);
  const logits = readLogits();
  const weights = new Float64Array(vocabularySize);
  for (let id = 0; id < logits.length; id++) weights[id] = probability(logits[id]! - logSum);
  let cumulative = 0;
  for (const [rank, id] of top.ids.entries()) {
    cumulative += probability(top.logprobs[rank]!);
    weights[id] = 0;
  }
  return selectDescending(logits, weights, u - cumulative);
}

/**
 * Draws from a truncated law. The top tokens must hold every kept token or be the whole vocabulary; `undefined`
 * asks for more of them.
 */
export function drawTruncated(
  top: TopTokens,
  law: Sampling & TemperedLaw & { readonly vocabularySize: number },
  u: number,
): Draw | undefined {
  const kept = keptTokens(top, law);
  if (kept === undefined) return undefined;
  const target = u * kept.mass;
  const last = lastPossible(top, kept.count);
  let cumulative = 0;
  for (let rank = 0; rank <= last; rank++) {
    const logprob = law.inverseTemperature * top.logprobs[rank]! - law.logNormalizer;
    cumulative += Math.exp(logprob);
    if (target < cumulative || rank === last) {
      return { rank, proposalLogprob: logprob - Math.log(kept.mass), kept };
    }
  }
  return undefined;
}

/**
 * The rank meant where rounding leaves a whole CDF a hair under `u`: the last of the first `count` tokens that can
 * be drawn at all. Tokens of probability 0, which logits of −∞ forbid, stand behind it.
 */
export function lastPossible({ logprobs }: TopTokens, count: number): number {
  let rank = count - 1;
  while (rank > 0 && logprobs[rank] === -Infinity) rank--;
  return rank;
}

function keptTokens(
  { logprobs }: TopTokens,
  law: Sampling & TemperedLaw & { readonly vocabularySize: number },
): Kept | undefined {
  const isWhole = logprobs.length === law.vocabularySize;
  const limit = Math.min(law.topK ?? law.vocabularySize, law.vocabularySize);
  if (!isWhole && law.topK !== undefined && logprobs.length < limit) return undefined;
  const probability = (rank: number): number =>
    Math.exp(law.inverseTemperature * logprobs[rank]! - law.logNormalizer);
  let topKMass = 1;
  if (law.topK !== undefined) {
    topKMass = 0;
    for (let rank = 0; rank < limit; rank++) topKMass += probability(rank);
  }
  const massLimit = (law.topP ?? 1) * topKMass;
  const floor = (law.minP ?? 0) * probability(0);
  let mass = 0;
  for (let rank = 0; rank < Math.min(limit, logprobs.length); rank++) {
    const next = probability(rank);
    // The likeliest token always stays.
    if (rank > 0 && (mass >= massLimit || next < floor)) return { count: rank, mass };
    mass += next;
    if (rank + 1 === limit) return { count: limit, mass };
  }
  if (isWhole) return { count: logprobs.length, mass };
  return undefined;
}
