import type { LogitAdjustments } from "./logit-adjustments.ts";
import type { TopTokens } from "./tokens.ts";
import { InferenceError } from "./errors.ts";

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

/** A next-token distribution: the logits, and the sums over them that everything else needs. */
export interface Distribution {
  /** Borrowed: valid as long as the logits are. */
  readonly logits: Float32Array;
  /** log Σ_v exp(logit_v), so that log p(v) = logit_v − logSum. */
  readonly logSum: number;
  /** log Z = log Σ_v p(v)^{1/τ}. */
  readonly logNormalizer: number;
  /** −Σ_v p(v) log p(v), nats. */
  readonly entropy: number;
}

/** Measures a row of logits in one go. @throws InferenceError `numerical_error` when a logit is NaN or +∞. */
export function measure(logits: Float32Array, inverseTemperature: number): Distribution {
  let max = -Infinity;
  let hasNaN = false;
  for (const logit of logits) {
    if (logit > max) max = logit;
    else if (Number.isNaN(logit)) hasNaN = true;
  }
  if (hasNaN || !Number.isFinite(max)) {
    throw new InferenceError(
      "numerical_error",
      "The model returned logits that are not numbers. Check the model file and its number format (fp16 overflow is a usual cause).",
    );
  }
  let sum = 0;
  let temperedSum = 0;
  let weighted = 0;
  for (const logit of logits) {
    const offset = logit - max;
    const mass = Math.exp(offset);
    sum += mass;
    // At 1/τ = 1 both sums are the same number, so log Z is exactly 0.
    temperedSum += inverseTemperature === 1 ? mass : Math.exp(inverseTemperature * offset);
    if (mass > 0) weighted += mass * offset;
  }
  const logMass = Math.log(sum);
  const logNormalizer = Math.log(temperedSum) - inverseTemperature * logMass;
  return {
    logits,
    logSum: max + logMass,
    // Early rejection relies on the sign, which rounding must not break.
    logNormalizer: inverseTemperature >= 1 ? Math.min(0, logNormalizer) : logNormalizer,
    entropy: Math.max(0, logMass - weighted / sum),
  };
}

/** The `count` likeliest tokens, most likely first; ties go to the lower id. */
export function topTokens({ logits, logSum }: Distribution, count: number): TopTokens {
  const ids = count >= logits.length ? sortedIds(logits) : selectIds(logits, count);
  const logprobs = Float64Array.from(ids, (id) => logits[id]! - logSum);
  return { ids, logprobs };
}

function sortedIds(logits: Float32Array): Int32Array {
  return Int32Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
}

/** Partial selection: one pass over the logits with a binary-inserted list, most of which fail one comparison. */
function selectIds(logits: Float32Array, count: number): Int32Array {
  const ids = new Int32Array(count);
  let size = 0;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (size === count && !(logit > logits[ids[size - 1]!]!)) continue;
    let low = 0;
    let high = size === count ? size - 1 : size;
    const end = high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (logits[ids[middle]!]! >= logit) low = middle + 1;
      else high = middle;
    }
    ids.copyWithin(low + 1, low, end);
    ids[low] = id;
    if (size < count) size++;
  }
  return ids.subarray(0, size);
}

/** What a truncation leaves: the `count` likeliest tokens, which hold `mass` of the tempered law. */
interface Kept {
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
interface TemperedLaw {
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
