import type { Outcome, StepInfo } from "./kernel.ts";

/** Tally of a chain's steps. */
export interface ChainDiagnostics extends Readonly<Record<Outcome, number>> {
  readonly steps: number;
  /** Steps after which the first token was another one: mixing that an acceptance rate does not show. */
  readonly firstTokenChanges: number;
}

export const noSteps: ChainDiagnostics = {
  steps: 0,
  accepted: 0,
  rejected: 0,
  rejected_early: 0,
  unchanged: 0,
  firstTokenChanges: 0,
};

export function tally(
  diagnostics: ChainDiagnostics,
  info: StepInfo,
  changedFirstToken: boolean,
): ChainDiagnostics {
  return {
    ...diagnostics,
    steps: diagnostics.steps + 1,
    [info.outcome]: diagnostics[info.outcome] + 1,
    firstTokenChanges: diagnostics.firstTokenChanges + (changedFirstToken ? 1 : 0),
  };
}

/** Share of the steps that were accepted, unchanged proposals included; 0 before the first. No sign of convergence. */
export function acceptance({ steps, accepted, unchanged }: ChainDiagnostics): number {
  return steps === 0 ? 0 : (accepted + unchanged) / steps;
}
