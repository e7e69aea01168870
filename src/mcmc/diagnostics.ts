import type { DrawCost } from "../core/draw-cost.ts";
import type { Completion } from "./completion.ts";
import type { Outcome, StepInfo, Swaps } from "./kernel.ts";

/** Tally of a chain's steps. */
export interface ChainDiagnostics extends Readonly<Record<Outcome, number>> {
  readonly steps: number;
  /** Tokens of all drafts and proposals, as far as they were looked at: the same however they came about. */
  readonly drawnTokens: number;
  /** Those among them that the model was not asked for. */
  readonly rememberedTokens: number;
  /** Accepted proposals with another first token: mixing that an acceptance rate does not show. */
  readonly firstTokenChanges: number;
  /** Steps whose proposal had another first token, accepted or not. */
  readonly firstTokenProposals: number;
  /** Steps after whose swaps the first token was another one than before them. */
  readonly firstTokenSwaps: number;
  /** Steps that bounds of log Z did not settle, and how far apart they were in all of these, nats. */
  readonly undecidedSteps: number;
  readonly undecidedWidth: number;
  /** With hotter replicas. */
  readonly swaps: Swaps;
}

export const noSteps: ChainDiagnostics = {
  steps: 0,
  drawnTokens: 0,
  rememberedTokens: 0,
  accepted: 0,
  rejected: 0,
  rejected_early: 0,
  unchanged: 0,
  firstTokenChanges: 0,
  firstTokenProposals: 0,
  firstTokenSwaps: 0,
  undecidedSteps: 0,
  undecidedWidth: 0,
  swaps: { proposed: 0, accepted: 0, toAnswer: 0 },
};

/** What a step did to the completion that answers. */
export interface TakenStep {
  readonly info: StepInfo;
  readonly previous: Completion;
  /** After the proposal's decision and the swaps. */
  readonly state: Completion;
  readonly cost: DrawCost;
}

/**
 * Counts a step. What its proposal did and what swaps did are told apart. Written out: most steps of a chain are
 * remembered, and to spread one object into another costs more than such a step.
 */
export function tally(
  before: ChainDiagnostics,
  { info, previous, state, cost }: TakenStep,
): ChainDiagnostics {
  const { cut, suffix, outcome, drawnTokens, swaps } = info;
  const firstToken = previous[0]!.token;
  const proposed = cut === 0 ? suffix[0]!.token : firstToken;
  const undecidedWidth = (info.undecidedWidth ?? 0) + (cost.undecidedWidth ?? 0);
  const decided = outcome === "accepted" ? proposed : firstToken;
  return {
    steps: before.steps + 1,
    drawnTokens: before.drawnTokens + drawnTokens,
    rememberedTokens: before.rememberedTokens + drawnTokens - cost.evaluatedTokens,
    accepted: before.accepted + (outcome === "accepted" ? 1 : 0),
    rejected: before.rejected + (outcome === "rejected" ? 1 : 0),
    rejected_early: before.rejected_early + (outcome === "rejected_early" ? 1 : 0),
    unchanged: before.unchanged + (outcome === "unchanged" ? 1 : 0),
    firstTokenChanges: before.firstTokenChanges + (decided === firstToken ? 0 : 1),
    firstTokenProposals: before.firstTokenProposals + (proposed === firstToken ? 0 : 1),
    firstTokenSwaps: before.firstTokenSwaps + (state[0]!.token === decided ? 0 : 1),
    undecidedSteps: before.undecidedSteps + (undecidedWidth > 0 ? 1 : 0),
    undecidedWidth: before.undecidedWidth + undecidedWidth,
    swaps: swaps === undefined ? before.swaps : add(before.swaps, swaps),
  };
}

/** Counts the tokens of a draft. */
export const tallyDraft = (
  before: ChainDiagnostics,
  drawnTokens: number,
  { evaluatedTokens }: DrawCost,
): ChainDiagnostics => ({
  ...before,
  drawnTokens: before.drawnTokens + drawnTokens,
  rememberedTokens: before.rememberedTokens + drawnTokens - evaluatedTokens,
});

const add = (a: Swaps, b: Swaps): Swaps => ({
  proposed: a.proposed + b.proposed,
  accepted: a.accepted + b.accepted,
  toAnswer: a.toAnswer + b.toAnswer,
});

/**
 * Share of the steps whose proposal was accepted, those that proposed the very completion again included: the
 * acceptance rate of Metropolis-Hastings; 0 before the first step. No sign of convergence.
 */
export function acceptance({ steps, accepted, unchanged }: ChainDiagnostics): number {
  return steps === 0 ? 0 : (accepted + unchanged) / steps;
}
