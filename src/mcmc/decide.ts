/**
 * The Metropolis-Hastings decision, the same for all kernels: u is drawn before the proposal, and a move of ratio r is
 * made when
 *
 *     log u < log r
 *
 * An upper bound of log r that is not above log u rejects as well: that is early rejection. It works because a decision
 * asks only on which side of log r the uniform lies. Where log Z is known within bounds, so is log r, and whatever lies
 * on neither side of both is asked for more (`settle.ts`).
 */
import { isSame } from "./completion.ts";
import type { Completion } from "./completion.ts";
import type { Outcome, StepInfo, StepResult } from "./kernel.ts";
import { settle } from "./settle.ts";
import type { BoundedSuffix, Bounds, Narrow } from "./settle.ts";

/** Whether a move of this ratio is made; of an upper bound, whether it may be. */
export const accepts = (logU: number, logRatio: number): boolean => logU < logRatio;

/** What a step came to: a completion that shares the first `cut` tokens with the state. */
export interface Proposal {
  /** As far as it was drawn. */
  readonly completion: Completion;
  readonly cut: number;
  /** Tokens drawn for it and for those beside it. */
  readonly drawnTokens: number;
  /** log r; an upper bound where not all was drawn, and where log Z is known within bounds. */
  readonly logRatio: number;
  /** See `StepInfo`. */
  readonly undecidedWidth?: number;
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

function infoOf(
  { completion, cut, drawnTokens, logRatio, undecidedWidth }: Proposal,
  outcome: Outcome,
): StepInfo {
  const info = { outcome, cut, suffix: completion.slice(cut), drawnTokens, logRatio };
  return undecidedWidth === undefined ? info : { ...info, undecidedWidth };
}

/** A decision whose log r is known within bounds. */
export interface BoundedDecision {
  readonly logU: number;
  /** Those that weigh, in the proposal and in the state, the proposal's own first. */
  readonly suffixes: readonly [BoundedSuffix, ...BoundedSuffix[]];
  /** log r by what is known of them now. */
  readonly bounds: () => Bounds;
  readonly narrow: Narrow | undefined;
}

/** As `decide`, once the bounds of log r are on one side of log u, or as near to each other as they can be brought. */
export async function decideWithin(
  state: Completion,
  proposal: Proposal,
  { logU, suffixes, bounds, narrow }: BoundedDecision,
): Promise<StepResult<Completion>> {
  // It stays where it is, whatever it weighs.
  if (isSame(state, proposal.completion)) return decide(state, proposal, logU);
  const isSettled = await settle(
    suffixes,
    () => (accepts(logU, bounds().high) === accepts(logU, bounds().low) ? true : undefined),
    narrow,
  );
  const { low, high } = bounds();
  const settled = { ...proposal, completion: suffixes[0].completion, logRatio: high };
  const { undecidedWidth = 0 } = proposal;
  const undecided = { ...settled, undecidedWidth: undecidedWidth + high - low };
  return decide(state, isSettled === true ? settled : undecided, logU);
}
