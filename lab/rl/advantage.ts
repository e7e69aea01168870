/**
 * GRPO's advantages of one prompt's responses: A = (r − mean)/(std + 1e-6), with the unbiased standard deviation
 * (divided by n − 1), as DeepSeekMath (arXiv 2402.03300) has it and verl codes it. Zero when all rewards are equal.
 */
export function groupAdvantages(rewards: readonly number[]): number[] {
  if (rewards.length < 2) throw new Error("a group needs at least two responses");
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  const squares = rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (rewards.length - 1));
  return rewards.map((reward) => (reward - mean) / (deviation + 1e-6));
}

/** A response's log-probability, nats: under the policy that drew it, and under the base model. */
export interface Likelihoods {
  readonly logProb: number;
  readonly baseLogProb: number;
}

/**
 * On-policy power distillation (arXiv 2610.06804): of the G responses that a policy π drew for one prompt,
 * A_i = G·w_i − 1, where w_i = (p(x_i)^α/π(x_i)) / Σ_j p(x_j)^α/π(x_j) are the weights by which the responses stand for
 * the base's power distribution p^α/Z. Σ_i w_i·∇log π(x_i) is the weighted maximum likelihood of that paper, and
 * descends KL(p^α/Z ‖ π), the Rényi divergence of order 1; the −1 takes off what is zero in expectation. At π = p^α/Z
 * all weights are 1/G and every advantage is zero, so that, however small the groups are, the policy rests there.
 */
export function powerAdvantages(responses: readonly Likelihoods[], alpha: number): number[] {
  if (responses.length < 2) throw new Error("a group needs at least two responses");
  const logWeights = responses.map(({ logProb, baseLogProb }) => alpha * baseLogProb - logProb);
  const highest = Math.max(...logWeights);
  const weights = logWeights.map((logWeight) => Math.exp(logWeight - highest));
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  return weights.map((weight) => weight / mean - 1);
}
