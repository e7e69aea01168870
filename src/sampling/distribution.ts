import type { LogitAdjustments } from "./logit-adjustments.ts";
import { likeliest } from "./likeliest.ts";
import type { TopTokens } from "../core/tokens.ts";

/**
 * How a token is drawn from a next-token distribution p: q(v) ∝ p(v)^{1/τ}, then truncated. Truncations keep a
 * prefix of the tokens in descending probability, ties by the lower id. min_p comes first and top_k next; top_p is the
 * share of the mass that these left. That is vLLM's order (vllm/v1/sample/sampler.py: temperature, the processors that
 * leave the likeliest token alone, which is min_p, then topk_topp_sampler.py).
 */
export interface Sampling {
  /** 1/τ. */
  readonly inverseTemperature: number;
  /** Keep what has at least this share of the likeliest token's probability. */
  readonly minP?: number;
  /** Keep the k likeliest, no more where some tie; 1 is greedy. */
  readonly topK?: number;
  /** Of what is left, keep the smallest set that has this share of its mass. */
  readonly topP?: number;
  /** Applied to the logits before anything else. */
  readonly adjustments?: LogitAdjustments;
}

/** Tests whether some token cannot be drawn: then a proposal could not propose the way back. */
export function isTruncated({ topK, topP, minP }: Sampling): boolean {
  return topK !== undefined || (topP !== undefined && topP < 1) || (minP !== undefined && minP > 0);
}

/** Sums over the logits of a row that are not −∞. */
export interface LogitSums {
  readonly sum: number;
  readonly count: number;
}

/** A next-token distribution p, measured: on the usual path a draw need not look at the logits. */
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
  /** What self-certainty needs, where it was measured too. */
  readonly logitSums?: LogitSums;
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

/** Log-probs reported of the model itself, or of the law that tokens were drawn from. */
export const logprobsModes = ["raw", "sampled"] as const;
export type LogprobsMode = (typeof logprobsModes)[number];
