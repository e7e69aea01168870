/** A figure at a number of answers. */
export interface AtCount {
  readonly k: number;
  readonly value: number;
}

/**
 * The figure at a number of answers between two at which it is known, linear in log k. The cost of k answers is k times
 * that of one, so this is linear in the logarithm of the cost, too. Beyond the ends, that of the end.
 * @param points ascending in k; at least one
 */
export function interpolate(points: readonly AtCount[], k: number): number {
  const above = points.findIndex((point) => point.k >= k);
  if (above === -1) return points.at(-1)!.value;
  const next = points[above]!;
  const last = points[above - 1];
  if (last === undefined) return next.value;
  const share = Math.log(k / last.k) / Math.log(next.k / last.k);
  return last.value + share * (next.value - last.value);
}
