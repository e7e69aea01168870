import { quantile, tokenCovariances } from "./covariance.ts";
import type { LossSettings, Tokens } from "./policy-loss.ts";

/** A method as it is asked for: its loss, except that Clip-Cov may name its window by quantiles. */
export interface Method extends Omit<LossSettings, "clipCov"> {
  readonly clipCov?: { readonly fraction: number; readonly window: Window };
  /** Advantages are those of power distillation towards p_base^alpha; those of the rewards when left out. */
  readonly power?: { readonly alpha: number };
}

/** Whether a method asks what the base model says of the tokens. */
export const needsReference = ({ referenceKl, power }: Method): boolean =>
  referenceKl !== undefined || power !== undefined;

/** Of covariances. Absolute bounds scale with |log π| and |A|, so a small model's bounds differ from a large one's. */
export type Window = { readonly low: number; readonly high: number } | { readonly quantiles: Bounds };
type Bounds = readonly [low: number, high: number];

const clip = { low: 0.2, high: 0.2 };

/**
 * The methods compared in arXiv 2505.22617, and power distillation, which knows no rewards. Fractions are larger than the paper's (2e-4 and 2e-3 of 10^5 tokens),
 * since a minibatch here has some hundred tokens; the rest is as there, or in its baselines.
 */
export const methods = {
  grpo: { clip },
  "clip-higher": { clip: { low: 0.2, high: 0.28 } },
  "entropy-bonus": { clip, entropyBonus: 5e-3 },
  "reference-kl": { clip, referenceKl: 0.1 },
  "clip-cov": {
    clip: { low: 1, high: 1 },
    clipCov: { fraction: 2e-3, window: { quantiles: [0.97, 1] } },
  },
  "kl-cov": { klCov: { fraction: 0.05, coefficient: 1 } },
  "power-distillation": { power: { alpha: 4 }, referenceKl: 0 },
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof methods;
export const methodNames = Object.keys(methods) as MethodName[];

/** What may be asked for otherwise than a method has it. */
export interface Adjustments {
  /** Of the entropy bonus, the reference KL (power distillation's anchor), or KL-Cov's penalty. */
  readonly coefficient?: number | undefined;
  /** Of tokens that Clip-Cov or KL-Cov acts on. */
  readonly fraction?: number | undefined;
  /** Of Clip-Cov. */
  readonly window?: Window | undefined;
  /** Of power distillation. */
  readonly alpha?: number | undefined;
}

/** @throws Error for an adjustment of a part that the method does not have */
export function adjustMethod(
  name: MethodName,
  { coefficient, fraction, window, alpha }: Adjustments,
): Method {
  const method: Method = methods[name];
  const { entropyBonus, referenceKl, clipCov, klCov, power } = method;
  if (coefficient !== undefined && (entropyBonus ?? referenceKl ?? klCov) === undefined)
    throw new Error(`--coefficient: method ${name} has none`);
  if (fraction !== undefined && (clipCov ?? klCov) === undefined)
    throw new Error(`--fraction: method ${name} selects no tokens`);
  if (window !== undefined && clipCov === undefined) throw new Error(`--window: method ${name} has none`);
  if (alpha !== undefined && power === undefined) throw new Error(`--alpha: method ${name} has none`);
  return {
    ...method,
    ...(power && { power: { alpha: alpha ?? power.alpha } }),
    ...(entropyBonus !== undefined && { entropyBonus: coefficient ?? entropyBonus }),
    ...(referenceKl !== undefined && { referenceKl: coefficient ?? referenceKl }),
    ...(clipCov && { clipCov: { fraction: fraction ?? clipCov.fraction, window: window ?? clipCov.window } }),
    ...(klCov && {
      klCov: { fraction: fraction ?? klCov.fraction, coefficient: coefficient ?? klCov.coefficient },
    }),
  };
}

/** The loss of a method, its window resolved on the tokens given: those of a run's first step. */
export function resolveLoss(
  { clipCov, power: _power, ...rest }: Method,
  { logProbs, advantages }: Tokens,
): LossSettings {
  if (clipCov === undefined) return rest;
  const { fraction, window } = clipCov;
  if ("low" in window) return { ...rest, clipCov: { fraction, ...window } };
  const covariances = tokenCovariances(logProbs, advantages);
  const [low, high] = window.quantiles.map((q) => quantile(covariances, q)) as [number, number];
  return { ...rest, clipCov: { fraction, low, high } };
}
