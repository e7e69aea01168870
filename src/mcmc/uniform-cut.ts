/**
 * Resample a suffix after a uniform cut. Leaves π(x) ∝ p(x)^α over completions of the horizon invariant, and
 * is reversible.
 *
 * State x of L tokens; cut c uniform on {0..L−1}; the suffix drawn from q until it ends, giving x' of L' tokens:
 *
 *     log r = Σ_{t>c} w'_t − Σ_{t>c} w_t + log L − log L'         accept when log u < log r
 *
 * log L − log L' is the probability of choosing that cut backward over forward. Both suffixes run to their own
 * end: truncating one to the other's length, as published code does, leaves another law invariant.
 *
 * Source: Karan & Du, "Reasoning with Sampling", arXiv 2510.14901, Algorithm 1, with the length factor restored.
 */
import { hasEnded } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import type { Kernel, StepInfo, StepResult } from "./kernel.ts";
import { logSuffixWeight, logWeight, weightsAreNegative } from "./target.ts";

export const stepUniformCut: Kernel = async (state, { target, horizon, draws, propose, earlyRejection }) => {
  const cut = Math.min(state.length - 1, Math.floor(draws.cut * state.length));
  const logU = Math.log(draws.accept);
  const logOld = logSuffixWeight(target, state, cut);
  const canRejectEarly = earlyRejection && weightsAreNegative(target);
  const logRatioAt = (logNew: number, length: number): number =>
    logNew - logOld + Math.log(state.length) - Math.log(length);

  const suffix: CompletionToken[] = [];
  let logNew = 0;
  for await (const token of propose(cut)) {
    suffix.push(token);
    logNew += logWeight(target, token);
    // Further weights are ≤ 0 and the length only grows, so this bounds log r from above.
    const bound = logRatioAt(logNew, cut + suffix.length);
    const isComplete = token.ends || cut + suffix.length === horizon;
    if (canRejectEarly && !isComplete && bound <= logU) {
      return rejected(state, { outcome: "rejected_early", cut, suffix, logRatio: bound });
    }
  }
  const length = cut + suffix.length;
  if (length < horizon && !hasEnded(suffix)) return { state, info: undefined };

  const logRatio = logRatioAt(logNew, length);
  if (isSameSuffix(state, cut, suffix))
    return rejected(state, { outcome: "unchanged", cut, suffix, logRatio });
  if (!(logU < logRatio)) return rejected(state, { outcome: "rejected", cut, suffix, logRatio });
  return { state: [...state.slice(0, cut), ...suffix], info: { outcome: "accepted", cut, suffix, logRatio } };
};

const rejected = (state: Completion, info: StepInfo): StepResult => ({ state, info });

function isSameSuffix(state: Completion, cut: number, suffix: Completion): boolean {
  return (
    cut + suffix.length === state.length &&
    suffix.every(({ token }, index) => token === state[cut + index]!.token)
  );
}
