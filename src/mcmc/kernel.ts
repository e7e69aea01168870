import type { TokenStream } from "../core/token-stream.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import type { PowerTarget } from "./target.ts";

export const outcomes = ["accepted", "rejected", "rejected_early", "unchanged"] as const;
export type Outcome = (typeof outcomes)[number];

/** The uniforms that decide one step. The proposal's own tokens are drawn by whoever extends. */
export interface StepDraws {
  readonly cut: number;
  readonly accept: number;
  /** Chooses among several proposals; kernels with one leave it alone. */
  readonly select: number;
  /** Decides whether a replica swaps its completion with the next hotter one. */
  readonly swap: number;
}

/**
 * Draws a suffix after the first `cut` tokens of the state, run by run, until it ends or reaches the
 * horizon. Running dry before that means that the budget is spent. Another attempt draws by other uniforms.
 */
export type ProposeSuffix = (cut: number, attempt?: number) => TokenStream<CompletionToken>;

/** What happened in a step: diagnostics, and the proposal also when it was rejected. */
export interface StepInfo {
  readonly outcome: Outcome;
  /** Tokens of the state that were kept. */
  readonly cut: number;
  /** The proposed suffix, as far as it was drawn. */
  readonly suffix: Completion;
  /** Tokens drawn for all proposals of the step; those of the suffix when left out. */
  readonly drawnTokens?: number;
  /** log r; of an early rejection the upper bound that fell to log u. */
  readonly logRatio: number;
}

export interface StepResult {
  readonly state: Completion;
  /** `undefined` when the budget ran out in mid-proposal: the step did not happen. */
  readonly info: StepInfo | undefined;
}

/** One transition of a chain on completions of at most `horizon` tokens. Declares the law it leaves invariant. */
export type Kernel = (
  state: Completion,
  context: {
    readonly target: PowerTarget;
    readonly horizon: number;
    readonly draws: StepDraws;
    readonly propose: ProposeSuffix;
    /** Whether a hopeless proposal may be dropped before it is complete. The chain is the same either way. */
    readonly earlyRejection: boolean;
  },
) => Promise<StepResult>;
