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
import { AsRecorded } from "./as-recorded.ts";
import { isComplete } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import { powerLaw } from "./completions.ts";
import { chooseCut } from "./cut.ts";
import type { CutWeight } from "./cut.ts";
import { accepts, decide, decideWithin, rejectEarly, soleProposal } from "./decide.ts";
import type { KernelFamily, StepContext, StepResult } from "./kernel.ts";
import { BoundedSuffix, hasGaps, suffixGap } from "./settle.ts";
import { logSuffixWeight, logWeight, weightsAreNegative } from "./target.ts";
import type { PowerTarget } from "./target.ts";

export function singleTry(weigh: CutWeight): KernelFamily {
  return (target) => ({
    ...powerLaw(target),
    rowsPerStep: 1,
    step: (state, context) => resample(state, { weigh, target }, context),
  });
}

async function resample(
  state: Completion,
  { weigh, target }: { readonly weigh: CutWeight; readonly target: PowerTarget },
  { horizon, draws, propose, narrow, earlyRejection }: StepContext,
): Promise<StepResult<Completion> | undefined> {
  const uniforms = draws(0);
  const { cut, keptWeight, totalWeight } = chooseCut(weigh, state, uniforms.cut);
  const logU = Math.log(uniforms.accept);
  const logOld = logSuffixWeight(target, state, cut) - Math.log(totalWeight);
  const canRejectEarly = earlyRejection && weightsAreNegative(target);
  const isBounded = hasGaps(state, cut);

  const completion: CompletionToken[] = state.slice(0, cut);
  let logNew = 0;
  let cutWeight = keptWeight;
  // In no closure: it changes with every token, and V8 would allocate a number for each.
  let logRatio = Infinity;
  const along = new AsRecorded(state, cut);
  using extension = propose(state.slice(0, cut), 0);
  for (;;) {
    const pulled = extension.pull();
    // Awaited only where it is a promise: most runs are known, and waiting costs as much as the rest of a step.
    const run = pulled instanceof Promise ? await pulled : pulled;
    if (run === undefined) break;
    for (const drawn of run) {
      const token = along.take(drawn);
      completion.push(token);
      logNew += logWeight(target, token);
      cutWeight += weigh(completion, completion.length - 1);
      // Further weights are ≤ 0 and the cut's sum only grows, so this bounds the whole's ratio from above.
      logRatio = logNew - Math.log(cutWeight) - logOld;
      if (isBounded) logRatio += suffixGap(state, along.shared);
      if (canRejectEarly && !accepts(logU, logRatio) && !isComplete(completion, horizon))
        return rejectEarly(state, soleProposal(completion, cut, logRatio));
    }
  }
  if (!isComplete(completion, horizon)) return undefined;
  const proposal = soleProposal(completion, cut, logRatio);
  if (!isBounded && !hasGaps(completion, cut)) return decide(state, proposal, logU);
  const drawn = new BoundedSuffix(completion, along.shared);
  const replaced = new BoundedSuffix(state, along.shared);
  const atUpperBounds = logNew - Math.log(cutWeight) - logOld;
  const bounds = () => ({
    low: atUpperBounds + drawn.low - replaced.high,
    high: atUpperBounds + drawn.high - replaced.low,
  });
  return await decideWithin(state, proposal, { logU, suffixes: [drawn, replaced], bounds, narrow });
}
