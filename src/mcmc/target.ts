import type { ScoredToken } from "../core/tokens.ts";
import type { Completion } from "./completion.ts";

/** π(x) ∝ p(x)^α, explored by proposals q_t ∝ p_t^{1/τ}. */
export interface PowerTarget {
  /** α ≥ 1. */
  readonly alpha: number;
  /** 1/τ. */
  readonly inverseTemperature: number;
}

/**
 * Log importance weight of one token, target over proposal:
 *
 *     w_t = α·log p_t − log q_t = (α − 1/τ)·log p_t + log Z_t,   log q_t = (1/τ)·log p_t − log Z_t
 *
 * log Z_t is that of the law the token was drawn from, so that this holds for one that is masked, too: Z_t is then the
 * sum over what the mask allows. At τ = 1/α only log Z_t is left.
 */
export function logWeight(target: PowerTarget, token: ScoredToken): number {
  const excess = target.alpha - target.inverseTemperature;
  // 0·(−∞) would be NaN.
  return excess === 0 ? token.logNormalizer : excess * token.logprob + token.logNormalizer;
}

/** Σ w_t over the tokens from `cut` on. */
export function logSuffixWeight(target: PowerTarget, completion: Completion, cut: number): number {
  let sum = 0;
  for (let position = cut; position < completion.length; position++) {
    sum += logWeight(target, completion[position]!);
  }
  return sum;
}

/** For 1 ≤ 1/τ ≤ α every w_t ≤ 0: both its terms are. Then a partial sum bounds the whole from above. */
export function weightsAreNegative({ alpha, inverseTemperature }: PowerTarget): boolean {
  return inverseTemperature >= 1 && inverseTemperature <= alpha;
}
