/**
 * What one policy-gradient step does to the entropy of a softmax policy over a handful of actions, exactly and to
 * first order (arXiv 2505.22617, section 3). One state: with several, each has its own logits and nothing mixes.
 */

/** Logits of the actions, and the reward of each. */
export interface Bandit {
  readonly logits: Float64Array;
  readonly rewards: Float64Array;
}

/**
 * How a step moves the logits: `vanilla`, the gradient of the expected reward, Δz = η·π·A (proposition 1); `natural`,
 * that gradient in the metric of the policies, Δz = η·A. A is reward less expected reward.
 */
export const gradients = ["vanilla", "natural"] as const;
export type Gradient = (typeof gradients)[number];

export interface EntropyChange {
  /** H after the step less H before, nats. */
  readonly actual: number;
  /** −η·Cov(log π, π·A) for vanilla (theorem 1), −η·Cov(log π, A) for natural (theorem 2). */
  readonly predicted: number;
}

export function changeEntropy(
  { logits, rewards }: Bandit,
  gradient: Gradient,
  learningRate: number,
): EntropyChange {
  const probs = softmax(logits);
  const expected = expectation(probs, rewards);
  const step = rewards.map(
    (reward, a) => learningRate * (reward - expected) * (gradient === "vanilla" ? probs[a]! : 1),
  );
  return {
    actual: entropy(softmax(logits.map((logit, a) => logit + step[a]!))) - entropy(probs),
    predicted: predictChange(probs, step),
  };
}

/** Lemma 1: H changes by −Cov_π(log π, Δz), to first order in Δz. */
export const predictChange = (probs: Float64Array, step: Float64Array): number =>
  -covariance(probs, probs.map(Math.log), step);

export function softmax(logits: Float64Array): Float64Array {
  const max = Math.max(...logits);
  const masses = logits.map((logit) => Math.exp(logit - max));
  const total = masses.reduce((sum, mass) => sum + mass, 0);
  return masses.map((mass) => mass / total);
}

/** −Σ p log p, nats. */
export const entropy = (probs: Float64Array): number => -expectation(probs, probs.map(Math.log));

/** Σ_a p(a)·f(a). */
export const expectation = (probs: Float64Array, f: Float64Array): number =>
  probs.reduce((sum, p, a) => sum + p * f[a]!, 0);

/** E[(f − E f)(g − E g)] under p. */
export function covariance(probs: Float64Array, f: Float64Array, g: Float64Array): number {
  const [meanF, meanG] = [expectation(probs, f), expectation(probs, g)];
  return expectation(
    probs,
    f.map((value, a) => (value - meanF) * (g[a]! - meanG)),
  );
}
