import type { ScoredToken, TopTokens } from "../../core/tokens.ts";
import { boundEntropy, boundLogNormalizer } from "../../sampling/bounds.ts";
import type { Bounds, KnownTop } from "../../sampling/bounds.ts";
import { isTruncated } from "../../sampling/distribution.ts";
import type { Sampling } from "../../sampling/distribution.ts";
import type { ReportedToken } from "./dialect.ts";

/** What the likeliest tell of a whole distribution, where all of it is `vocabularySize` tokens. */
function knownOf({ token, logprob, top }: ReportedToken, vocabularySize: number): KnownTop {
  return { top, ...(top.ids.includes(token) ? {} : { beyond: logprob }), vocabularySize };
}

/** Whether a law is p^{1/τ} and nothing else, so that the likeliest tell of its log Z. */
export const isTempered = (sampling: Sampling): boolean =>
  sampling.adjustments === undefined && !isTruncated(sampling);

/** A token with raw log-probs, drawn by a law whose log Z is known within bounds; NaN where it is not at all. */
export function withinBounds(
  reported: ReportedToken,
  sampling: Sampling,
  vocabularySize: number,
): ScoredToken {
  const known = knownOf(reported, vocabularySize);
  const logZ = isTempered(sampling)
    ? boundLogNormalizer(known, sampling.inverseTemperature)
    : { low: NaN, high: NaN };
  return { token: reported.token, logprob: reported.logprob, ...fieldsOf(logZ, boundEntropy(known)) };
}

/**
 * A token whose log p and log q are both known: log Z = (1/τ)·log p − log q.
 * @param raw what the server scores the token it drew
 * @param logQ nats
 */
export function withinLaw(
  raw: ReportedToken,
  sampling: Sampling,
  { logQ, vocabularySize }: { readonly logQ: number; readonly vocabularySize: number },
): ScoredToken {
  const { inverseTemperature } = sampling;
  const given = inverseTemperature * raw.logprob - logQ;
  // Rounding is not to make it what no tempered law has.
  const possible = inverseTemperature >= 1 ? Math.min(0, given) : Math.max(0, given);
  const logZ = isTempered(sampling) ? possible : given;
  const entropy = boundEntropy(knownOf(raw, vocabularySize));
  return { token: raw.token, logprob: raw.logprob, ...fieldsOf({ low: logZ, high: logZ }, entropy) };
}

/** The token with what more of the likeliest tell of it: bounds within those that it had. */
export function narrowed(
  { token, logprob, logNormalizer, logNormalizerGap = 0, entropy, entropyGap = 0 }: ScoredToken,
  top: TopTokens,
  {
    inverseTemperature,
    vocabularySize,
  }: { readonly inverseTemperature: number; readonly vocabularySize: number },
): ScoredToken {
  const known = knownOf({ token, logprob, top }, vocabularySize);
  const logZ = { low: logNormalizer - logNormalizerGap, high: logNormalizer };
  const entropies = { low: entropy, high: entropy + entropyGap };
  return {
    token,
    logprob,
    ...fieldsOf(
      common(logZ, boundLogNormalizer(known, inverseTemperature)),
      common(entropies, boundEntropy(known)),
    ),
  };
}

/** What two bounds leave; the first alone where another pass has rounded so differently that they leave nothing. */
function common(first: Bounds, second: Bounds): Bounds {
  const [low, high] = [Math.max(first.low, second.low), Math.min(first.high, second.high)];
  return low <= high ? { low, high } : first;
}

function fieldsOf(
  logZ: Bounds,
  entropy: Bounds,
): Pick<ScoredToken, "logNormalizer" | "logNormalizerGap" | "entropy" | "entropyGap"> {
  const [gap, entropyGap] = [logZ.high - logZ.low, entropy.high - entropy.low];
  return {
    logNormalizer: logZ.high,
    ...(gap > 0 ? { logNormalizerGap: gap } : {}),
    entropy: entropy.low,
    ...(entropyGap > 0 ? { entropyGap } : {}),
  };
}
