/**
 * The Metropolis-Hastings decision, the same for all kernels: u is drawn before the proposal, and a move of ratio r is
 * made when
 *
 *     log u < log r
 *
 * An upper bound of log r that is not above log u rejects as well: that is early rejection. It works because a decision
 * asks only on which side of log r the uniform lies.
 */
import { isSame } from "./completion.ts";
import type { Completion } from "./completion.ts";
import type { Outcome, StepResult } from "./kernel.ts";

/** Whether a move of this ratio is made; of an upper bound, whether it may be. */
export const accepts = (logU: number, logRatio: number): boolean => logU < logRatio;

/** What a step came to: a completion that shares the first `cut` tokens with the state. */
export interface Proposal {
  /** As far as it was drawn. */
  readonly completion: Completion;
  readonly cut: number;
  /** Tokens drawn for it and for those beside it. */
  readonly drawnTokens: number;
  /** log r; an upper bound where not all was drawn. */
  readonly logRatio: number;
}

/** A proposal that no other was drawn beside. */
export const soleProposal = (completion: Completion, cut: number, logRatio: number): Proposal => ({
  completion,
  cut,
  drawnTokens: completion.length - cut,
  logRatio,
});

/** Decides about a proposal that was drawn to its end. */
export function decide(state: Completion, proposal: Proposal, logU: number): StepResult<Completion> {
  if (isSame(state, proposal.completion)) return stay(state, proposal, "unchanged");
  if (!accepts(logU, proposal.logRatio)) return stay(state, proposal, "rejected");
  return { state: proposal.completion, info: infoOf(proposal, "accepted") };
}

/** Decides about a proposal whose end cannot make a difference: its upper bound is not accepted. */
export const rejectEarly = (state: Completion, proposal: Proposal): StepResult<Completion> =>
  stay(state, proposal, "rejected_early");

const stay = (state: Completion, proposal: Proposal, outcome: Outcome): StepResult<Completion> => ({
  state,
  info: infoOf(proposal, outcome),
});

const infoOf = ({ completion, cut, drawnTokens, logRatio }: Proposal, outcome: Outcome) => ({
  outcome,
  cut,
  suffix: completion.slice(cut),
  drawnTokens,
  logRatio,
});
