/**
 * The losses of policy-gradient training over the tokens of a minibatch, in plain double precision: each gives its
 * value and its gradient by the tokens' log-probabilities. Every one is a mean over tokens.
 */
import type { Stream } from "../stream.ts";
import { countOf, descending, tokenCovariances } from "./covariance.ts";

/** The response tokens of a minibatch, one entry each. */
export interface Tokens {
  /** Under the policy as it is, nats. */
  readonly logProbs: Float64Array;
  /** Under the policy that drew them. */
  readonly oldLogProbs: Float64Array;
  readonly advantages: Float64Array;
  /** Under the base model; only a reference KL asks for them. */
  readonly referenceLogProbs?: Float64Array;
}

/** What a loss consists of. Parts that are left out are off. */
export interface LossSettings {
  /** The ratio ρ = π/π_old is clipped to [1 − low, 1 + high]. */
  readonly clip?: { readonly low: number; readonly high: number };
  /** Weight of −H: rewards entropy. */
  readonly entropyBonus?: number;
  /** Weight of the KL divergence to the base model. */
  readonly referenceKl?: number;
  readonly clipCov?: ClipCov;
  readonly klCov?: KlCov;
}

/**
 * Clip-Cov (arXiv 2505.22617, equations 11-12): of the tokens whose covariance lies in [low, high], that many of all
 * tokens, drawn at random, lose their term.
 */
export interface ClipCov {
  readonly fraction: number;
  readonly low: number;
  readonly high: number;
}

/** KL-Cov (equations 13-14): that many of all tokens, those of highest covariance, pay β·|log π − log π_old|. */
export interface KlCov {
  readonly fraction: number;
  readonly coefficient: number;
}

export interface PolicyLoss {
  /** Without the entropy bonus, whose value needs whole distributions. */
  readonly value: number;
  /** ∂value/∂log π of each token. */
  readonly gradient: Float64Array;
  /** Tokens whose ratio was clipped. */
  readonly clippedRatios: number;
  /** Tokens that Clip-Cov could choose from; 0 means that it did nothing. */
  readonly candidates: number;
  /** Tokens that Clip-Cov or KL-Cov acted on. */
  readonly selected: number;
  /** The k3 estimate of KL(π_old ‖ π): mean of ρ − 1 − log ρ. */
  readonly kl: number;
}

/** @param stream decides which candidates Clip-Cov takes */
export function policyLoss(tokens: Tokens, settings: LossSettings, stream: Stream): PolicyLoss {
  const { logProbs, oldLogProbs, advantages } = tokens;
  const size = logProbs.length;
  const terms = new Float64Array(size);
  const slopes = new Float64Array(size);
  const isClipped = new Uint8Array(size);
  let kl = 0;
  for (let i = 0; i < size; i++) {
    const logRatio = logProbs[i]! - oldLogProbs[i]!;
    const { term, slope, clipped } = surrogate(Math.exp(logRatio), advantages[i]!, settings.clip);
    terms[i] = term;
    slopes[i] = slope;
    isClipped[i] = clipped ? 1 : 0;
    kl += Math.expm1(logRatio) - logRatio;
  }
  const covariances = tokenCovariances(logProbs, advantages);
  const { clipCov, klCov, referenceKl } = settings;
  let [candidates, selected]: [number[], ArrayLike<number>] = [[], []];
  if (clipCov !== undefined) {
    candidates = [...covariances.keys()].filter(
      (i) => covariances[i]! >= clipCov.low && covariances[i]! <= clipCov.high && isClipped[i] === 0,
    );
    const chosen = drawWithout(candidates, countOf(clipCov.fraction, size), stream);
    for (const i of chosen) terms[i] = slopes[i] = 0;
    selected = chosen;
  }
  if (klCov !== undefined) {
    const highest = descending(covariances).subarray(0, countOf(klCov.fraction, size));
    for (const i of highest) {
      const logRatio = logProbs[i]! - oldLogProbs[i]!;
      terms[i]! += klCov.coefficient * Math.abs(logRatio);
      // The sub-gradient at 0 is 0: before the policy has moved, KL-Cov does nothing.
      slopes[i]! += klCov.coefficient * Math.sign(logRatio);
    }
    selected = highest;
  }
  if (referenceKl !== undefined) addReferenceKl(tokens, referenceKl, { terms, slopes });
  return {
    value: terms.reduce((sum, term) => sum + term, 0) / size,
    gradient: slopes.map((slope) => slope / size),
    clippedRatios: isClipped.reduce((sum, one) => sum + one, 0),
    candidates: candidates.length,
    selected: selected.length,
    kl: kl / size,
  };
}

/** max(−A·ρ, −A·clip(ρ, 1 − low, 1 + high)) and its slope by log ρ; −A·ρ where nothing is clipped. */
function surrogate(
  ratio: number,
  advantage: number,
  clip: LossSettings["clip"],
): { term: number; slope: number; clipped: boolean } {
  const free = -advantage * ratio;
  if (clip === undefined) return { term: free, slope: free, clipped: false };
  const bounded = -advantage * Math.min(Math.max(ratio, 1 - clip.low), 1 + clip.high);
  return bounded > free
    ? { term: bounded, slope: 0, clipped: true }
    : { term: free, slope: free, clipped: false };
}

/** Adds the k3 estimate of KL(π ‖ reference) (Schulman): exp(d) − 1 − d with d = log π_ref − log π. */
function addReferenceKl(
  { logProbs, referenceLogProbs }: Tokens,
  weight: number,
  { terms, slopes }: { terms: Float64Array; slopes: Float64Array },
): void {
  if (referenceLogProbs === undefined) throw new Error("a reference KL needs the base model's log-probs");
  for (let i = 0; i < logProbs.length; i++) {
    const difference = referenceLogProbs[i]! - logProbs[i]!;
    terms[i]! += weight * (Math.expm1(difference) - difference);
    slopes[i]! -= weight * Math.expm1(difference);
  }
}

/** `count` of the items, or all of them, in the order drawn. */
function drawWithout(items: readonly number[], count: number, stream: Stream): number[] {
  const left = [...items];
  return Array.from(
    { length: Math.min(count, left.length) },
    () => left.splice(stream.integer(0, left.length - 1), 1)[0]!,
  );
}
