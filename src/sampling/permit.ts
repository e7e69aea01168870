import type { Distribution } from "./distribution.ts";
import { InferenceError } from "../core/errors.ts";
import { likeliest } from "./likeliest.ts";
import { measuredTop } from "./measure.ts";
import type { TokenMask } from "./token-mask.ts";

/** Less than this share of the heaviest weight, log: a whole vocabulary of such tokens adds nothing to the sum. */
const negligible = -50;

/**
 * A distribution of which only some tokens may be drawn. Log-probs stay those of p itself; log Z is over the tokens that
 * may be:
 *
 *     log q(v) = (1/τ)·log p(v) − log Z,   Z = Σ_{v permitted} p(v)^{1/τ}
 *
 * so that a draw needs nothing else to know of the mask. In the list of the likeliest, tokens that may not be drawn
 * stand last, as of probability 0.
 */
export function permit(
  distribution: Distribution,
  mask: TokenMask,
  inverseTemperature: number,
): Distribution {
  const { logSum, entropy, vocabularySize, readLogits } = distribution;
  const logits = readLogits();
  const permitted = new Float32Array(vocabularySize).fill(-Infinity);
  let max = -Infinity;
  mask.forEach((token) => {
    const logit = logits[token]!;
    permitted[token] = logit;
    if (logit > max) max = logit;
  });
  if (max === -Infinity)
    throw new InferenceError(
      "numerical_error",
      "The model gives probability 0 to every token that the constraint permits. Loosen the constraint.",
    );
  let mass = 0;
  mask.forEach((token) => {
    const offset = inverseTemperature * (logits[token]! - max);
    if (offset > negligible) mass += Math.exp(offset);
  });
  const logNormalizer = inverseTemperature * (max - logSum) + Math.log(mass);
  return {
    logSum,
    // Early rejection relies on the sign, which rounding must not break.
    logNormalizer: inverseTemperature >= 1 ? Math.min(0, logNormalizer) : logNormalizer,
    entropy,
    top: likeliest(permitted, Math.min(measuredTop, vocabularySize), logSum),
    vocabularySize,
    readLogits: () => permitted,
  };
}
