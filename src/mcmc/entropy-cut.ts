import type { CutWeight } from "./cut.ts";

/** How sharply cuts are drawn to where the model becomes unsure. */
const sharpness = 4;

/** Weight of a cut at which the entropy does not rise: no position is out of reach, cut 0 least of all. */
const floor = 1e-3;

/**
 * Cuts where the model becomes unsure, at decisions rather than anywhere:
 *
 *     weight_t = ε + max(0, H_t − H_{t−1})^β,   H_{−1} = 0,  β = 4,  ε = 10⁻³
 *
 * H_t is the entropy in nats of the raw next-token distribution from which token t was drawn. It is known from the
 * tokens before t, as `CutWeight` wants. The acceptance ratio of the kernel carries g(c|x') / g(c|x).
 *
 * Source: Zhou, Mehrotra & Liu, "Entropy-Cut Metropolis-Hastings", arXiv 2605.30327; ε is ours, and keeps the chain
 * irreducible.
 */
export const entropyCut: CutWeight = (completion, position) => {
  const before = position === 0 ? 0 : completion[position - 1]!.entropy;
  return floor + Math.max(0, completion[position]!.entropy - before) ** sharpness;
};
