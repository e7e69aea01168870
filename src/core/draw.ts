import type { Distribution, Draw, Sampling } from "./distribution.ts";
import { drawFromTop, drawTruncated, isTruncated, measure, topTokens } from "./distribution.ts";
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
  /** The tokens before the one drawn; penalties look at them. */
  readonly sequence: TokenIds;
}

/**
 * Draws the token that `u` selects from a row of logits and scores it under the raw model.
 * @throws InferenceError `numerical_error` when the logits are not numbers
 */
export function drawToken(
  logits: Float32Array,
  { sampling, u, topCount, sequence }: DrawRequest,
): ScoredToken {
  const raw = measure(logits, sampling.inverseTemperature);
  const { adjustments } = sampling;
  if (adjustments === undefined) {
    const { top, draw } = drawRank(raw, sampling, u, topCount);
    return scoredToken(raw, { top, topCount, token: top.ids[draw.rank]! }, draw.proposalLogprob);
  }
  const adjusted = measure(adjustLogits(logits, adjustments, sequence), sampling.inverseTemperature);
  const { top, draw } = drawRank(adjusted, sampling, u, 0);
  const scored = { top: topTokens(raw, topCount), topCount, token: top.ids[draw.rank]! };
  return scoredToken(raw, scored, draw.proposalLogprob);
}

/** Scores a given token under the raw model, as echo and perplexity need. */
export function scoreToken(logits: Float32Array, token: TokenId, topCount: number): ScoredToken {
  const distribution = measure(logits, 1);
  const top = topTokens(distribution, topCount);
  return scoredToken(distribution, { top, topCount, token }, logits[token]! - distribution.logSum);
}

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
      // Rounding left the whole CDF a hair under u: the last token is the one meant.
      const rank = vocabularySize - 1;
      const logprob = top.logprobs[rank]!;
      return { top, draw: { rank, proposalLogprob: law.inverseTemperature * logprob - law.logNormalizer } };
    }
    count = vocabularySize;
  }
}

function scoredToken(
  { logits, logSum, logNormalizer, entropy }: Distribution,
  { top, topCount, token }: { top: TopTokens; topCount: number; token: TokenId },
  proposalLogprob: number,
): ScoredToken {
  const scored = { token, logprob: logits[token]! - logSum, proposalLogprob, logNormalizer, entropy };
  if (topCount === 0) return scored;
  return { ...scored, top: { ids: top.ids.slice(0, topCount), logprobs: top.logprobs.slice(0, topCount) } };
}
