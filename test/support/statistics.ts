/** Pearson's chi-square of counts against probabilities; cells expected fewer than 5 times are pooled. */
export function chiSquare(
  counts: readonly number[],
  probabilities: readonly number[],
): { readonly statistic: number; readonly freedom: number; readonly pValue: number } {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const cells: { observed: number; expected: number }[] = [];
  const pool = { observed: 0, expected: 0 };
  for (const [index, probability] of probabilities.entries()) {
    const cell = { observed: counts[index]!, expected: probability * total };
    if (cell.expected >= 5) cells.push(cell);
    else {
      pool.observed += cell.observed;
      pool.expected += cell.expected;
    }
  }
  if (pool.expected > 0) cells.push(pool);
  const statistic = cells.reduce(
    (sum, { observed, expected }) => sum + (observed - expected) ** 2 / expected,
    0,
  );
  const freedom = cells.length - 1;
  return { statistic, freedom, pValue: chiSquareTail(statistic, freedom) };
}

/** P(χ² > x), by Wilson and Hilferty's normal approximation. */
export function chiSquareTail(x: number, freedom: number): number {
  const spread = 2 / (9 * freedom);
  const z = (Math.cbrt(x / freedom) - (1 - spread)) / Math.sqrt(spread);
  return normalTail(z);
}

/** P(Z > z), Abramowitz and Stegun 26.2.17. */
function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const series =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series;
}
