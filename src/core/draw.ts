import type { Distribution, Draw, LogprobsMode, Sampling } from "./distribution.ts";
import {
  drawFromTop,
  drawTruncated,
  isTruncated,
  lastPossible,
  measure,
  sampledTop,
  topTokens,
} from "./distribution.ts";
import { InferenceError } from "./errors.ts";
import { adjustLogits } from "./logit-adjustments.ts";
import type { ScoredToken, TokenId, TokenIds, TopTokens } from "./tokens.ts";

/** Most draws land among this many likeliest tokens; only the rest pay for a longer list. */
const usualTop = 64;

export interface DrawRequest {
  readonly sampling: Sampling;
  /** The uniform that selects. */
  readonly u: number;
  /** How many of the likeliest tokens to report with the drawn one; 0 for none. */
  readonly topCount: number;
  /** Whose log-probs those have; the likeliest of the raw model when left out. */
  readonly logprobsMode?: LogprobsMode | undefined;
  /** The tokens before the one drawn; penalties look at them. */
  readonly sequence: TokenIds;
}

/**
 * Draws the token that `u` selects from a row of logits and scores it under the raw model.
 * @throws InferenceError `numerical_error` when the logits are not numbers, `invalid_request` when the adjustments
 *   leave nothing to draw
 */
export function drawToken(
  logits: Float32Array,
  { sampling, u, topCount, logprobsMode = "raw", sequence }: DrawRequest,
): ScoredToken {
  const { inverseTemperature, adjustments } = sampling;
  const raw = measure(logits, inverseTemperature);
  const drawnFrom =
    adjustments === undefined
      ? raw
      : measureAdjusted(adjustLogits(logits, adjustments, sequence), inverseTemperature);
  const { top, draw } = drawRank(drawnFrom, sampling, u, topCount);
  const report = (): TopTokens => {
    if (logprobsMode === "raw") return drawnFrom === raw ? firstOf(top, topCount) : topTokens(raw, topCount);
    return sampledTop(
      top,
      topCount,
      { inverseTemperature, logNormalizer: drawnFrom.logNormalizer },
      draw.kept,
    );
  };
  const scored = scoredToken(raw, top.ids[draw.rank]!, draw.proposalLogprob);
  return topCount === 0 ? scored : { ...scored, top: report() };
}

/** The raw logits were numbers, so what leaves none of these is that every token is forbidden. */
function measureAdjusted(adjusted: Float32Array, inverseTemperature: number): Distribution {
  if (adjusted.some((logit) => logit !== -Infinity)) return measure(adjusted, inverseTemperature);
  throw new InferenceError(
    "invalid_request",
    "min_tokens forbids every token that the model could draw: its end tokens and stop_token_ids. Leave min_tokens out, or name fewer stop_token_ids.",
    { param: "min_tokens" },
  );
}

/** Scores a given token under the raw model, as echo and perplexity need. */
export function scoreToken(logits: Float32Array, token: TokenId, topCount: number): ScoredToken {
  const distribution = measure(logits, 1);
  const scored = scoredToken(distribution, token, logits[token]! - distribution.logSum);
  return topCount === 0 ? scored : { ...scored, top: topTokens(distribution, topCount) };
}

const firstOf = ({ ids, logprobs }: TopTokens, count: number): TopTokens => ({
  ids: ids.slice(0, count),
  logprobs: logprobs.slice(0, count),
});

function drawRank(
  distribution: Distribution,
  sampling: Sampling,
  u: number,
  topCount: number,
): { top: TopTokens; draw: Draw } {
  const vocabularySize = distribution.logits.length;
  const law = { ...sampling, logNormalizer: distribution.logNormalizer, vocabularySize };
  const truncated = isTruncated(sampling);
  let count = Math.min(vocabularySize, Math.max(topCount, usualTop));
  for (;;) {
    const top = topTokens(distribution, count);
    const draw = truncated ? drawTruncated(top, law, u) : drawFromTop(top, law, u);
    if (draw !== undefined) return { top, draw };
    if (count === vocabularySize) {
      const rank = lastPossible(top, vocabularySize);
      const logprob = top.logprobs[rank]!;
      const proposalLogprob = law.inverseTemperature * logprob - law.logNormalizer;
      return { top, draw: { rank, proposalLogprob, kept: { count: vocabularySize, mass: 1 } } };
    }
    count = vocabularySize;
  }
}

function scoredToken(
  { logits, logSum, logNormalizer, entropy }: Distribution,
  token: TokenId,
  proposalLogprob: number,
): ScoredToken {
  return { token, logprob: logits[token]! - logSum, proposalLogprob, logNormalizer, entropy };
}
