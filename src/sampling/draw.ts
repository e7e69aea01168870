import type { Distribution, LogprobsMode, Sampling } from "./distribution.ts";
import { isTruncated, topTokens } from "./distribution.ts";
import { InferenceError } from "../core/errors.ts";
import { drawFromTail, drawFromTop, sampledTop, temperedLaw } from "./law.ts";
import { adjustLogits } from "./logit-adjustments.ts";
import { measure } from "./measure.ts";
import { permit } from "./permit.ts";
import type { TokenMask } from "./token-mask.ts";
import { selfCertaintyOf } from "./self-certainty.ts";
import { truncate } from "./truncation.ts";
import type { ScoredToken, TokenId, TokenIds } from "../core/tokens.ts";

export interface DrawRequest {
  readonly sampling: Sampling;
  /** The uniform that selects. */
  readonly u: number;
  /** How many of the likeliest tokens to report with the drawn one; 0 for none. */
  readonly topCount: number;
  /** The law whose log-probs those have; the raw model when left out. */
  readonly logprobsMode?: LogprobsMode | undefined;
  /** Whether to report the distribution's self-certainty. */
  readonly selfCertainty?: boolean | undefined;
  /** The tokens before the one drawn; penalties look at them. */
  readonly sequence: TokenIds;
  /** The tokens that may be drawn; all of them when left out. */
  readonly mask?: TokenMask | undefined;
}

/**
 * Draws the token that `u` selects and scores it under the raw model p. Its log Z is that of the law q it was drawn
 * from, whatever that was made of:
 *
 *     tempered                log Z
 *     masked                  log Z over the tokens that may be drawn: the adjusted and raw log p know of no mask
 *     truncated               log Z + log(mass kept)
 *     of adjusted logits p'   log Z' + (1/τ)·(log p − log p'),   Z' the above of p'
 *
 * so that log q = (1/τ)·log p − log Z always.
 * @param raw measured at the sampling's 1/τ
 * @throws InferenceError `invalid_request` when the adjustments leave nothing to draw
 */
export function drawToken(
  raw: Distribution,
  { sampling, u, topCount, logprobsMode = "raw", selfCertainty, sequence, mask }: DrawRequest,
): ScoredToken {
  const { adjustments, inverseTemperature } = sampling;
  const permitted = (law: Distribution): Distribution =>
    mask === undefined ? law : permit(law, mask, inverseTemperature);
  const changed =
    adjustments === undefined
      ? raw
      : measureAdjusted(adjustLogits(raw.readLogits(), adjustments, sequence), inverseTemperature);
  const drawnFrom = permitted(changed);
  const truncated = isTruncated(sampling) ? truncate(drawnFrom, sampling) : undefined;
  const { top: known } = truncated ?? drawnFrom;
  const law = truncated?.law ?? temperedLaw(drawnFrom, inverseTemperature);

  const rank = drawFromTop(known, law, u);
  const token = rank === undefined ? drawFromTail(drawnFrom, law, u) : known.ids[rank]!;
  const adjusted = rank === undefined ? logprobOf(drawnFrom, token) : known.logprobs[rank]!;
  const logprob = changed === raw ? adjusted : logprobOf(raw, token);
  const logNormalizer =
    changed === raw ? law.logNormalizer : law.logNormalizer + inverseTemperature * (logprob - adjusted);
  const { entropy } = raw;
  const scored = { token, logprob, logNormalizer, entropy };
  // Written out: this runs for every token, and copying an object costs as much as drawing.
  if (topCount === 0 && selfCertainty !== true) return scored;
  const certain = selfCertainty === true ? { ...scored, selfCertainty: selfCertaintyOf(raw) } : scored;
  if (topCount === 0) return certain;
  const top =
    logprobsMode === "raw"
      ? topTokens(changed === raw ? drawnFrom : permitted(raw), topCount)
      : sampledTop(topTokens(drawnFrom, topCount), topCount, law);
  return { ...certain, top };
}

const logprobOf = ({ readLogits, logSum }: Distribution, token: TokenId): number =>
  readLogits()[token]! - logSum;

/** The raw logits were numbers, so what leaves none of these is that every token is forbidden. */
function measureAdjusted(adjusted: Float32Array, inverseTemperature: number): Distribution {
  if (adjusted.some((logit) => logit !== -Infinity)) return measure(adjusted, inverseTemperature);
  throw new InferenceError(
    "invalid_request",
    "min_tokens forbids every token that the model could draw: its end tokens and stop_token_ids. Leave min_tokens out, or name fewer stop_token_ids.",
    { param: "min_tokens" },
  );
}

/** Scores a given token under the raw model, as echo and perplexity need. @param distribution measured at 1/τ = 1 */
export function scoreToken(distribution: Distribution, token: TokenId, topCount: number): ScoredToken {
  const { logNormalizer, entropy } = distribution;
  const scored = { token, logprob: logprobOf(distribution, token), logNormalizer, entropy };
  return topCount === 0 ? scored : { ...scored, top: topTokens(distribution, topCount) };
}
