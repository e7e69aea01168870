/** log Σ exp(x_i); −∞ for none. */
export function logSumExp(values: readonly number[]): number {
  const max = Math.max(...values);
  if (!Number.isFinite(max)) return max;
  return max + Math.log(values.reduce((sum, value) => sum + Math.exp(value - max), 0));
}

/** The index that `u` selects with probabilities ∝ exp(x_i). */
export function selectByLogWeight(logWeights: readonly number[], u: number): number {
  const logSum = logSumExp(logWeights);
  let cumulative = 0;
  let last = 0;
  for (const [index, logWeight] of logWeights.entries()) {
    const mass = Math.exp(logWeight - logSum);
    if (mass === 0) continue;
    cumulative += mass;
    last = index;
    if (u < cumulative) return index;
  }
  // Rounding left the whole a hair under u.
  return last;
}
