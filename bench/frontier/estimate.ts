import { mean } from "../../src/evaluation/statistics.ts";

export interface Estimate {
  readonly value: number;
  readonly standardError: number;
}

/**
 * A statistic of a list and its standard error by the jackknife: (n−1)/n · Σ (θ_(i) − θ̄)², θ_(i) being the statistic
 * without member i. Members are prompts, so that seeds of one prompt do not pass for independent.
 *
 * Source: Efron & Stein, "The jackknife estimate of variance", Annals of Statistics 9 (1981).
 */
export function jackknife<Member>(
  members: readonly Member[],
  statistic: (members: readonly Member[]) => number,
): Estimate {
  const without = members.map((_, index) => statistic(members.toSpliced(index, 1)));
  const centre = mean(without);
  const squares = without.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  const { length } = members;
  return { value: statistic(members), standardError: Math.sqrt(((length - 1) / length) * squares) };
}

export const show = ({ value, standardError }: Estimate, digits: number): string =>
  Number.isNaN(value) ? "" : `${value.toFixed(digits)} ± ${standardError.toFixed(digits)}`;
