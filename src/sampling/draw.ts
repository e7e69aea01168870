import type { Distribution, Draw, Kept, LogprobsMode, Sampling, TemperedLaw } from "./distribution.ts";
import {
  drawFromTail,
  drawFromTop,
  drawTruncated,
  isTruncated,
  lastPossible,
  sampledTop,
  topTokens,
} from "./distribution.ts";
import { InferenceError } from "../core/errors.ts";
import { adjustLogits } from "./logit-adjustments.ts";
import { measure } from "./measure.ts";
import type { ScoredToken, TokenId, TokenIds, TopTokens } from "../core/tokens.ts";

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
 * Draws the token that `u` selects and scores it under the raw model.
 * @param raw measured at the sampling's 1/τ
 * @throws InferenceError `invalid_request` when the adjustments leave nothing to draw
 */
export function drawToken(
  raw: Distribution,
  { sampling, u, topCount, logprobsMode = "raw", sequence }: DrawRequest,
): ScoredToken {
  const { adjustments } = sampling;
  const drawnFrom =
    adjustments === undefined
      ? raw
      : measureAdjusted(adjustLogits(raw.readLogits(), adjustments, sequence), sampling.inverseTemperature);
  const { token, logprob, proposalLogprob, kept } = draw(drawnFrom, sampling, u);
  const { logNormalizer, entropy } = raw;
  const rawLogprob = drawnFrom === raw ? logprob : raw.readLogits()[token]! - raw.logSum;
  // Written out: this runs for every token, and copying an object costs as much as drawing.
  if (topCount === 0) return { token, logprob: rawLogprob, proposalLogprob, logNormalizer, entropy };
  const top =
    logprobsMode === "raw"
      ? topTokens(raw, topCount)
      : sampledTop(topTokens(drawnFrom, topCount), topCount, lawOf(drawnFrom, sampling), kept);
  return { token, logprob: rawLogprob, proposalLogprob, logNormalizer, entropy, top };
}

const lawOf = ({ logNormalizer }: Distribution, { inverseTemperature }: Sampling): TemperedLaw => ({
  inverseTemperature,
  logNormalizer,
});

interface Drawn {
  readonly token: TokenId;
  /** Under the distribution that it was drawn from, before tempering and truncation. */
  readonly logprob: number;
  readonly proposalLogprob: number;
  readonly kept?: Kept;
}

function draw(distribution: Distribution, sampling: Sampling, u: number): Drawn {
  const { top } = distribution;
  const law = lawOf(distribution, sampling);
  if (isTruncated(sampling)) return drawFromKept(distribution, sampling, u);
  const drawn = drawFromTop(top, law, u);
  if (drawn !== undefined) return atRank(top, drawn);
  const token = drawFromTail(distribution, law, u) ?? top.ids[lastPossible(top, top.ids.length)]!;
  const logprob = distribution.readLogits()[token]! - distribution.logSum;
  return { token, logprob, proposalLogprob: law.inverseTemperature * logprob - law.logNormalizer };
}

/** Most truncations keep few tokens; the rest pay for a longer list. */
function drawFromKept(distribution: Distribution, sampling: Sampling, u: number): Drawn {
  const { logNormalizer, vocabularySize } = distribution;
  const law = { ...sampling, logNormalizer, vocabularySize };
  for (const count of [distribution.top.ids.length, 1024, vocabularySize]) {
    const top = topTokens(distribution, count);
    const drawn = drawTruncated(top, law, u);
    if (drawn !== undefined) return atRank(top, drawn);
  }
  throw new Error("the whole vocabulary holds every token that a truncation keeps");
}

const atRank = (top: TopTokens, { rank, proposalLogprob, kept }: Draw): Drawn => ({
  token: top.ids[rank]!,
  logprob: top.logprobs[rank]!,
  proposalLogprob,
  kept,
});

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
  const { logSum, logNormalizer, entropy } = distribution;
  const logprob = distribution.readLogits()[token]! - logSum;
  const scored = { token, logprob, proposalLogprob: logprob, logNormalizer, entropy };
  return topCount === 0 ? scored : { ...scored, top: topTokens(distribution, topCount) };
}
