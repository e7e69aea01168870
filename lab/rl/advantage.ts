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

/** Whether a prompt teaches anything: some of its responses are right and some wrong. */
export const isMixed = (rewards: readonly number[]): boolean =>
  rewards.some((reward) => reward !== rewards[0]);
