import type { Sample, SeenAnswer } from "./sample.ts";

/** A share for each answer of a sample, in their order. */
export type Law = readonly number[];

/** p itself: exact for each answer; what is missing to 1 is the mass of those that were not seen. */
export const baseLaw = ({ answers }: Sample): Law => answers.map(({ logprob }) => Math.exp(logprob));

/** How often each was drawn. */
export const countedLaw = ({ answers, drawn }: Sample): Law => answers.map(({ count }) => count / drawn);

/**
 * Token by token at T = 1/alpha: Π p(xₜ)^α / Σᵥ p(v)^α. The sum is over the likeliest tokens that the server tells, all
 * of them in a small vocabulary; p^α leaves little of the others. What is missing to 1 was not seen.
 */
export const lowTemperatureLaw = ({ answers }: Sample, alpha: number): Law =>
  answers.map(({ steps }) =>
    Math.exp(
      steps.reduce(
        (sum, { logprob, top }) => sum + alpha * logprob - logSumExp(top.map((other) => alpha * other)),
        0,
      ),
    ),
  );

/**
 * p(x)^α / Σ p^α. Of the sum, the answers that were not seen are taken to be as rare each as the rarest that was: exact
 * at α = 1, where the sum is 1, and where nothing is missing. What is missing to 1 is theirs.
 * @param unseen their share of p; 0 for the law among the answers seen
 */
export function powerLaw({ answers, mass }: Sample, alpha: number, unseen = 1 - mass): Law {
  const weights = answers.map(({ logprob }) => alpha * logprob);
  const rarest = Math.min(...answers.map(({ logprob }) => logprob));
  const total = logSumExp([...weights, Math.log(unseen) + (alpha - 1) * rarest]);
  return weights.map((weight) => Math.exp(weight - total));
}

/**
 * The most that answers that were not seen could have of p^α: Σ p^α ≤ (Σ p)^α for α ≥ 1, and the latter is what is
 * missing to 1. Below that nothing bounds it.
 */
export function mostUnseen({ answers, mass }: Sample, alpha: number): number {
  if (alpha < 1) return 1;
  const seen = logSumExp(answers.map(({ logprob }) => alpha * logprob));
  const rest = alpha * Math.log1p(-mass);
  return 1 / (1 + Math.exp(seen - rest));
}

function logSumExp(values: readonly number[]): number {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}

/** Shares by what answers have in common. */
export function groupShares(
  answers: readonly SeenAnswer[],
  law: Law,
  groupOf: (text: string) => string,
): Map<string, number> {
  const shares = new Map<string, number>();
  for (const [index, { text }] of answers.entries()) {
    const group = groupOf(text);
    shares.set(group, (shares.get(group) ?? 0) + law[index]!);
  }
  return shares;
}
