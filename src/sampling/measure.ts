import type { Distribution } from "./distribution.ts";
import { InferenceError } from "../core/errors.ts";
import { likeliest } from "./likeliest.ts";

/** Of every distribution, how many of the likeliest tokens are known at once: most draws land among them. */
export const measuredTop = 64;

/** The sums over a row of logits that everything else follows from; numbers as they are, nothing checked. */
export interface RowSums {
  /** max_v logit_v. */
  readonly max: number;
  /** Σ_v exp(logit_v − max). */
  readonly mass: number;
  /** Σ_v exp((logit_v − max)/τ). */
  readonly temperedMass: number;
  /** Σ_v exp(logit_v − max)·(logit_v − max). */
  readonly weighted: number;
}

/** What follows from the sums. @throws InferenceError `numerical_error` when a logit was NaN or +∞, or all are −∞. */
export function summarize(
  { max, mass, temperedMass, weighted }: RowSums,
  inverseTemperature: number,
): Pick<Distribution, "logSum" | "logNormalizer" | "entropy"> {
  if (Number.isNaN(mass) || Number.isNaN(weighted) || !Number.isFinite(max)) {
    throw new InferenceError(
      "numerical_error",
      "The model returned logits that are not numbers. Check the model file and its number format (fp16 overflow is a usual cause).",
    );
  }
  const logMass = Math.log(mass);
  const logNormalizer = inverseTemperature === 1 ? 0 : Math.log(temperedMass) - inverseTemperature * logMass;
  return {
    logSum: max + logMass,
    // Early rejection relies on the sign, which rounding must not break.
    logNormalizer: inverseTemperature >= 1 ? Math.min(0, logNormalizer) : logNormalizer,
    entropy: Math.max(0, logMass - weighted / mass),
  };
}

/**
 * Measures a row of logits in JavaScript: the oracle of every other way, and the fastest one for small vocabularies.
 * @throws InferenceError `numerical_error` when a logit is NaN or +∞, or all are −∞
 */
export function measure(logits: Float32Array, inverseTemperature: number): Distribution {
  const { logSum, logNormalizer, entropy } = summarize(
    sumRow(logits, inverseTemperature),
    inverseTemperature,
  );
  const vocabularySize = logits.length;
  const top = likeliest(logits, Math.min(measuredTop, vocabularySize), logSum);
  return { logSum, logNormalizer, entropy, top, vocabularySize, readLogits: () => logits };
}

function sumRow(logits: Float32Array, inverseTemperature: number): RowSums {
  let max = -Infinity;
  for (const logit of logits) if (logit > max) max = logit;
  let mass = 0;
  let temperedMass = 0;
  let weighted = 0;
  for (const logit of logits) {
    const offset = logit - max;
    const share = Math.exp(offset);
    mass += share;
    if (inverseTemperature !== 1) temperedMass += Math.exp(inverseTemperature * offset);
    // 0 · −∞ is not a number.
    if (share > 0) weighted += share * offset;
  }
  return { max, mass, temperedMass, weighted };
}
