/**
 * The covariance of a token's log-probability with its advantage, which drives policy entropy (arXiv 2505.22617,
 * equation 10): C_i = (log π_i − mean log π)·(A_i − mean A), over the N tokens given. It depends on what is given: on
 * the tokens of one response, whose advantage is one number, it is zero.
 */
export function tokenCovariances(logProbs: Float64Array, advantages: Float64Array): Float64Array {
  const [meanLogProb, meanAdvantage] = [mean(logProbs), mean(advantages)];
  return logProbs.map((logProb, i) => (logProb - meanLogProb) * (advantages[i]! - meanAdvantage));
}

/** Which side of their means log π and advantage lie on. */
export const quadrants = ["likelyGood", "likelyBad", "unlikelyGood", "unlikelyBad"] as const;
export type Quadrant = (typeof quadrants)[number];

/** The table of the paper, and what it leaves out: which tokens make up its top. */
export interface CovarianceSummary {
  /** Mean of the highest 0.2, 2, 20 and 100 % of the tokens (at least one token). */
  readonly top: Readonly<Record<TopFraction, number>>;
  /** Of all tokens: share, and mean covariance. Of the highest 2 %: share. */
  readonly quadrants: Readonly<Record<Quadrant, { share: number; mean: number; shareOfTop2: number }>>;
}

export const topFractions = ["0.2%", "2%", "20%", "100%"] as const;
export type TopFraction = (typeof topFractions)[number];

export function summarizeCovariances(logProbs: Float64Array, advantages: Float64Array): CovarianceSummary {
  const covariances = tokenCovariances(logProbs, advantages);
  const order = descending(covariances);
  const highest = (fraction: TopFraction): Uint32Array =>
    order.subarray(0, countOf(Number.parseFloat(fraction) / 100, order.length));
  const meanOf = (indices: ArrayLike<number>): number =>
    indices.length === 0 ? 0 : mean(Float64Array.from(indices, (i) => covariances[i]!));
  const [meanLogProb, meanAdvantage] = [mean(logProbs), mean(advantages)];
  const quadrantOf = (i: number): Quadrant =>
    `${logProbs[i]! >= meanLogProb ? "likely" : "unlikely"}${advantages[i]! >= meanAdvantage ? "Good" : "Bad"}`;
  const top2 = highest("2%");
  return {
    top: record(topFractions, (fraction) => meanOf(highest(fraction))),
    quadrants: record(quadrants, (quadrant) => {
      const inside = order.filter((i) => quadrantOf(i) === quadrant);
      const insideTop2 = top2.filter((i) => quadrantOf(i) === quadrant);
      return {
        share: inside.length / order.length,
        mean: meanOf(inside),
        shareOfTop2: insideTop2.length / top2.length,
      };
    }),
  };
}

/** How many of `size` tokens a fraction picks: max(1, ⌊fraction·size⌋), so that a tiny batch picks one, not none. */
export const countOf = (fraction: number, size: number): number => Math.max(1, Math.floor(fraction * size));

/** Indices from the highest value down; ties by index. */
export function descending(values: Float64Array): Uint32Array {
  return Uint32Array.from(values.keys()).sort((a, b) => values[b]! - values[a]! || a - b);
}

/** The value below which a share q of the values lies, without interpolation. */
export function quantile(values: Float64Array, q: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

const record = <Key extends string, Value>(
  keys: readonly Key[],
  valueOf: (key: Key) => Value,
): Record<Key, Value> => Object.fromEntries(keys.map((key) => [key, valueOf(key)])) as Record<Key, Value>;
