/** A straight line's rise, with how far the scatter about it lets one know it. */
export interface Slope {
  /** Per hour. */
  readonly slope: number;
  readonly error: number;
}

/**
 * Least squares: b = Σ(x−x̄)(y−ȳ)/Σ(x−x̄)², with its standard error √(Σr²/(n−2)/Σ(x−x̄)²).
 * Neighbouring readings resemble each other, so they are averaged to so few points that the next ones hardly do.
 * @param points hours, and what was read then
 */
export function slopeOf(points: readonly (readonly [number, number])[], groups = 12): Slope {
  const size = Math.ceil(points.length / groups);
  const means = Array.from({ length: Math.floor(points.length / size) }, (_, index) => {
    const group = points.slice(index * size, (index + 1) * size);
    return [mean(group.map(([x]) => x)), mean(group.map(([, y]) => y))] as const;
  });
  const [x0, y0] = [mean(means.map(([x]) => x)), mean(means.map(([, y]) => y))];
  const spread = sum(means.map(([x]) => (x - x0) ** 2));
  const slope = sum(means.map(([x, y]) => (x - x0) * (y - y0))) / spread;
  const residual = sum(means.map(([x, y]) => (y - y0 - slope * (x - x0)) ** 2));
  return { slope, error: Math.sqrt(residual / (means.length - 2) / spread) };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const mean = (values: readonly number[]): number => sum(values) / values.length;
