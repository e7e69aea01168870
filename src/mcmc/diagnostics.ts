import type { Completion } from "./completion.ts";
import type { Outcome, StepInfo, Swaps } from "./kernel.ts";

/** Tally of a chain's steps. */
export interface ChainDiagnostics extends Readonly<Record<Outcome, number>> {
  readonly steps: number;
  /** Tokens of all drafts and proposals, as far as they were looked at: the same however they came about. */
  readonly drawnTokens: number;
  /** Steps after which the first token was another one: mixing that an acceptance rate does not show. */
  readonly firstTokenChanges: number;
  /** Steps whose proposal had another first token, accepted or not. */
  readonly firstTokenProposals: number;
  /** With hotter replicas. */
  readonly swaps: Swaps;
}

export const noSteps: ChainDiagnostics = {
  steps: 0,
  drawnTokens: 0,
  accepted: 0,
  rejected: 0,
  rejected_early: 0,
  unchanged: 0,
  firstTokenChanges: 0,
  firstTokenProposals: 0,
  swaps: { proposed: 0, accepted: 0 },
};

/** What a step did to the completion that answers. */
export interface TakenStep {
  readonly info: StepInfo;
  readonly previous: Completion;
  readonly state: Completion;
}

/** Counts a step. */
export function tally(diagnostics: ChainDiagnostics, { info, previous, state }: TakenStep): ChainDiagnostics {
  const { drawnTokens, swaps } = info;
  const firstToken = previous[0]!.token;
  const proposedFirstToken = info.cut === 0 && info.suffix[0]!.token !== firstToken;
  const changedFirstToken = state[0]!.token !== firstToken;
  const count = (outcome: Outcome): number => diagnostics[outcome] + (info.outcome === outcome ? 1 : 0);
  return {
    steps: diagnostics.steps + 1,
    drawnTokens: diagnostics.drawnTokens + drawnTokens,
    accepted: count("accepted"),
    rejected: count("rejected"),
    rejected_early: count("rejected_early"),
    unchanged: count("unchanged"),
    firstTokenChanges: diagnostics.firstTokenChanges + (changedFirstToken ? 1 : 0),
    firstTokenProposals: diagnostics.firstTokenProposals + (proposedFirstToken ? 1 : 0),
    swaps: swaps === undefined ? diagnostics.swaps : add(diagnostics.swaps, swaps),
  };
}

const add = (a: Swaps, b: Swaps): Swaps => ({
  proposed: a.proposed + b.proposed,
  accepted: a.accepted + b.accepted,
});

/** Share of the steps that were accepted, unchanged proposals included; 0 before the first. No sign of convergence. */
export function acceptance({ steps, accepted, unchanged }: ChainDiagnostics): number {
  return steps === 0 ? 0 : (accepted + unchanged) / steps;
}
