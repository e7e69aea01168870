import type { Completion } from "./completion.ts";

/**
 * Weight of cutting before token `position`, so that the cut law is g(c|x) = weight_c(x) / Σ_t weight_t(x). It may
 * look at the tokens before `position` and at the distribution from which that one was drawn, at nothing later: then
 * it is the same for every completion that shares the kept tokens, and
 *
 *     g(c|x') / g(c|x) = Σ_t weight_t(x) / Σ_t weight_t(x')
 *
 * Weights are positive, so that a sum only grows with the completion.
 */
export type CutWeight = (completion: Completion, position: number) => number;

/** Every cut alike: g(c|x) = 1/L. */
export const uniformCut: CutWeight = () => 1;

/** The cut that `u` selects, with the sums of weights that the acceptance ratio needs. */
export interface ChosenCut {
  /** Tokens kept. */
  readonly cut: number;
  /** Σ weight_t over the cuts before this one: of tokens that are kept. */
  readonly keptWeight: number;
  /** Σ weight_t over all of the completion. */
  readonly totalWeight: number;
}

export function chooseCut(weigh: CutWeight, completion: Completion, u: number): ChosenCut {
  let totalWeight = 0;
  for (let position = 0; position < completion.length; position++) totalWeight += weigh(completion, position);
  const last = completion.length - 1;
  let keptWeight = 0;
  let cut = 0;
  for (; cut < last; cut++) {
    const weight = weigh(completion, cut);
    if (u * totalWeight < keptWeight + weight) break;
    keptWeight += weight;
  }
  return { cut, keptWeight, totalWeight };
}
