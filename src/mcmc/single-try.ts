/**
 * Resample a suffix. Leaves π(x) ∝ p(x)^α over completions of the horizon invariant, and is reversible.
 *
 * State x of L tokens; cut c drawn from g(c|x); the suffix drawn from q until it ends, giving x' of L' tokens:
 *
 *     log r = Σ_{t>c} w'_t − Σ_{t>c} w_t + log g(c|x') − log g(c|x)         accept when log u < log r
 *
 * For the uniform cut the last two terms are log L − log L'. Both suffixes run to their own end: truncating one to
 * the other's length, as published code does, leaves another law invariant.
 *
 * Source: Karan & Du, "Reasoning with Sampling", arXiv 2510.14901, Algorithm 1, with the cut's ratio restored.
 */
import { isComplete, isSame } from "./completion.ts";
import type { CompletionToken } from "./completion.ts";
import { chooseCut } from "./cut.ts";
import type { CutWeight } from "./cut.ts";
import type { Kernel } from "./kernel.ts";
import { logSuffixWeight, logWeight, weightsAreNegative } from "./target.ts";

export function singleTry(weigh: CutWeight): Kernel {
  return async (state, { target, horizon, draws, propose, earlyRejection }) => {
    const { cut, keptWeight, totalWeight } = chooseCut(weigh, state, draws.cut);
    const logU = Math.log(draws.accept);
    const logOld = logSuffixWeight(target, state, cut) - Math.log(totalWeight);
    const canRejectEarly = earlyRejection && weightsAreNegative(target);

    const proposal: CompletionToken[] = state.slice(0, cut);
    const suffix = (): CompletionToken[] => proposal.slice(cut);
    let logNew = 0;
    let cutWeight = keptWeight;
    let logRatio = Infinity;
    using extension = propose(cut);
    for (;;) {
      const pulled = extension.pull();
      // Not awaited where it is there: most are, and waiting costs as much as the rest of a step.
      const run = pulled instanceof Promise ? await pulled : pulled;
      if (run === undefined) break;
      for (const token of run) {
        proposal.push(token);
        logNew += logWeight(target, token);
        cutWeight += weigh(proposal, proposal.length - 1);
        // Further weights are ≤ 0 and the cut's sum only grows, so this bounds the whole's ratio from above.
        logRatio = logNew - Math.log(cutWeight) - logOld;
        if (canRejectEarly && logRatio <= logU && !isComplete(proposal, horizon)) {
          return { state, info: { outcome: "rejected_early", cut, suffix: suffix(), logRatio } };
        }
      }
    }
    if (!isComplete(proposal, horizon)) return { state, info: undefined };

    const info = { cut, suffix: suffix(), logRatio };
    if (isSame(state, proposal)) return { state, info: { outcome: "unchanged", ...info } };
    if (!(logU < logRatio)) return { state, info: { outcome: "rejected", ...info } };
    return { state: proposal, info: { outcome: "accepted", ...info } };
  };
}
