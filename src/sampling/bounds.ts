/**
 * What the likeliest tokens of a next-token distribution tell of sums over all of it. With p_1 ≥ … ≥ p_K known, the
 * other V − K tokens have m = 1 − Σ p_i together, and none of them more than p_K. A sum Σ f(p_v) over these is furthest
 * up and down where they are as few and as heavy as they may be, and where they are all alike:
 *
 *     few:    n·f(p_K) + f(m − n·p_K),   n = ⌊m / p_K⌋
 *     alike:  (V − K)·f(m / (V − K))
 *
 * for convex f (p^b with b > 1) the first is the upper bound, for concave f (p^b with b < 1, −p log p) the second.
 */
import type { TopTokens } from "../core/tokens.ts";

/** Servers report log-probs in float32: a sum of probabilities may be off by this. */
const rounding = 1e-6;

/** [low, high], nats. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** What is known of a distribution. */
export interface KnownTop {
  /** The K likeliest tokens, with raw log p. */
  readonly top: TopTokens;
  /** log p of a token beyond them that is known too, as one that was drawn is. */
  readonly beyond?: number | undefined;
  /** V, or more. */
  readonly vocabularySize: number;
}

/** log Z = log Σ_v p(v)^b, b = 1/τ: both bounds ≤ 0 for b ≥ 1, rounding included. */
export function boundLogNormalizer(known: KnownTop, inverseTemperature: number): Bounds {
  if (inverseTemperature === 1) return { low: 0, high: 0 };
  const { low, high } = boundSum(known, (p) => p ** inverseTemperature, inverseTemperature > 1);
  const log = (sum: number): number =>
    inverseTemperature >= 1 ? Math.min(0, Math.log(sum)) : Math.max(0, Math.log(sum));
  return { low: log(low), high: log(high) };
}

/** −Σ_v p(v) log p(v). */
export const boundEntropy = (known: KnownTop): Bounds =>
  boundSum(known, (p) => (p > 0 ? -p * Math.log(p) : 0), false);

function boundSum(
  { top: { logprobs }, beyond, vocabularySize }: KnownTop,
  f: (p: number) => number,
  isConvex: boolean,
): Bounds {
  let sum = 0;
  let mass = 0;
  const add = (logprob: number): void => {
    const p = Math.exp(logprob);
    sum += f(p);
    mass += p;
  };
  for (const logprob of logprobs) add(logprob);
  if (beyond !== undefined) add(beyond);
  const heaviest = Math.exp(logprobs.at(-1) ?? 0);
  const count = vocabularySize - logprobs.length - (beyond === undefined ? 0 : 1);
  if (count <= 0) return { low: sum, high: sum };
  const few = (rest: number): number => {
    const most = heaviest > 0 ? Math.floor(rest / heaviest) : 0;
    return most * f(heaviest) + f(Math.max(0, rest - most * heaviest));
  };
  const alike = (rest: number): number => count * f(rest / count);
  const least = Math.max(0, 1 - mass - rounding);
  const most = Math.max(0, Math.min(1 - mass + rounding, count * heaviest));
  const [lower, upper] = isConvex ? [alike, few] : [few, alike];
  return {
    low: sum + Math.min(lower(least), lower(most)),
    high: sum + Math.max(upper(least), upper(most)),
  };
}
