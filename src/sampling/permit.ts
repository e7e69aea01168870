import type { Distribution } from "./distribution.ts";
import { InferenceError } from "../core/errors.ts";
import { likeliestOf } from "./likeliest.ts";
import { measuredTop } from "./measure.ts";
import type { TokenMask } from "./token-mask.ts";

/** Less than this share of Z, or of the heaviest weight, log: a whole vocabulary of such tokens adds nothing to the sum. */
const negligible = -50;

/** Of Z, what the tokens that may not be drawn have at most where it is taken away from the whole: rounding then at most doubles. */
const mostTaken = 0.5;

/**
 * A distribution of which only some tokens may be drawn. Log-probs stay those of p itself; log Z is over the tokens that
 * may be:
 *
 *     log q(v) = (1/τ)·log p(v) − log Z,   Z = Σ_{v permitted} p(v)^{1/τ}
 *
 * so that a draw needs nothing else to know of the mask. In the list of the likeliest, tokens that may not be drawn
 * stand last, as of probability 0.
 * @param distribution measured at this 1/τ
 * @throws InferenceError `numerical_error` when all that is permitted has probability 0
 */
export function permit(
  distribution: Distribution,
  mask: TokenMask,
  inverseTemperature: number,
): Distribution {
  const { logSum, entropy, vocabularySize, readLogits } = distribution;
  const logits = readLogits();
  // Where text is free, what is likeliest may often be drawn as it is.
  const top = distribution.top.ids.every((token) => mask.has(token))
    ? distribution.top
    : likeliestOf(logits, mask, Math.min(measuredTop, vocabularySize), logSum);
  if (top.logprobs[0] === -Infinity)
    throw new InferenceError(
      "numerical_error",
      "The model gives probability 0 to every token that the constraint permits. Loosen the constraint.",
    );
  const logNormalizer =
    withoutOthers(distribution, logits, mask, inverseTemperature) ??
    sumOfPermitted(logits, mask, { logSum, max: top.logprobs[0]!, inverseTemperature });
  let permitted: Float32Array | undefined;
  return {
    logSum,
    // Early rejection relies on the sign, which rounding must not break.
    logNormalizer: inverseTemperature >= 1 ? Math.min(0, logNormalizer) : logNormalizer,
    entropy,
    top,
    vocabularySize,
    readLogits: () => (permitted ??= permittedRow(logits, mask)),
  };
}

/**
 * log Z of the permitted tokens, as that of all without the others: there are few of these where text is free, and no more
 * than they are looked at.
 * @returns undefined where the others are most of the tokens, or have most of Z
 */
function withoutOthers(
  { logSum, logNormalizer, vocabularySize }: Distribution,
  logits: Float32Array,
  mask: TokenMask,
  inverseTemperature: number,
): number | undefined {
  if (2 * mask.count < vocabularySize) return undefined;
  let others = 0;
  mask.forEachOther((token) => {
    const share = inverseTemperature * (logits[token]! - logSum) - logNormalizer;
    if (share > negligible) others += Math.exp(share);
  });
  return others <= mostTaken ? logNormalizer + Math.log1p(-others) : undefined;
}

function sumOfPermitted(
  logits: Float32Array,
  mask: TokenMask,
  {
    logSum,
    max,
    inverseTemperature,
  }: { readonly logSum: number; readonly max: number; readonly inverseTemperature: number },
): number {
  let mass = 0;
  mask.forEach((token) => {
    const share = inverseTemperature * (logits[token]! - logSum - max);
    if (share > negligible) mass += Math.exp(share);
  });
  return inverseTemperature * max + Math.log(mass);
}

function permittedRow(logits: Float32Array, mask: TokenMask): Float32Array {
  const row = new Float32Array(logits.length).fill(-Infinity);
  mask.forEach((token) => {
    row[token] = logits[token]!;
  });
  return row;
}
