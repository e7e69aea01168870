import type { Distribution, LogitSums } from "./distribution.ts";

/** A logit below this is −∞: a token that the model does not have at all. */
export const leastLogit = -1e30;

export function sumLogits(logits: Float32Array): LogitSums {
  let sum = 0;
  let count = 0;
  for (const logit of logits) {
    if (logit <= leastLogit) continue;
    sum += logit;
    count++;
  }
  return { sum, count };
}

/**
 * How far a next-token distribution is from the uniform one, KL(U ‖ p), nats. Its mean over the tokens of a completion
 * is their self-certainty (Kang, Zhao and Song 2025, arXiv 2502.18581):
 *
 *     −1/(nV)·Σ_i Σ_j log(V·p(j | x, y_<i)),   and of one token   −1/V·Σ_j log(V·p_j) = logSum − Σ_j logit_j / V − log V
 *
 * Tokens with a logit of −∞, as a padded vocabulary has, would make it infinite, whatever the others are: V and the sums
 * are over the others, and exactly the paper's where there are none.
 */
export function selfCertaintyOf({
  logSum,
  logitSums,
  readLogits,
}: Pick<Distribution, "logSum" | "logitSums" | "readLogits">): number {
  const { sum, count } = logitSums ?? sumLogits(readLogits());
  return Math.max(0, logSum - sum / count - Math.log(count));
}
