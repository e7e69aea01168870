import type { TokenStream } from "../core/token-stream.ts";
import type { TopTokens } from "../core/tokens.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import type { Narrow } from "./settle.ts";
import type { PowerTarget } from "./target.ts";

export const outcomes = ["accepted", "rejected", "rejected_early", "unchanged"] as const;
export type Outcome = (typeof outcomes)[number];

/** The uniforms that decide one step. The tokens of its proposals are drawn by uniforms of their own. */
export interface StepDraws {
  readonly cut: number;
  readonly accept: number;
  /** Chooses among several proposals; kernels with one leave it alone. */
  readonly select: number;
  /** Decides whether a replica swaps its completion with the next hotter one. */
  readonly swap: number;
}

/** What may follow a prefix, and what q drew there. */
export interface Candidates {
  /** The likeliest tokens, under the raw model. */
  readonly top: TopTokens;
  readonly drawn: CompletionToken;
  /** The one of this rank; before the next are pulled. */
  readonly take: (rank: number) => CompletionToken;
}

/**
 * What a step needs from outside. Branches set apart what is drawn within it: each has its own uniforms.
 */
export interface StepContext {
  /** Most tokens of a completion. */
  readonly horizon: number;
  readonly draws: (branch: number) => StepDraws;
  /**
   * Draws tokens of q after `kept`, run by run, until an absorbing token or the horizon. A stream that ends before
   * that says that the budget is spent.
   */
  readonly propose: (kept: Completion, branch: number) => TokenStream<CompletionToken>;
  /** Tells more of a token whose log Z is known within bounds; absent where none is. */
  readonly narrow?: Narrow | undefined;
  /** Whether a hopeless proposal may be dropped before it is complete. The chain is the same either way. */
  readonly earlyRejection: boolean;
  /** Whether what could go side by side goes in turn, for the sake of a budget: see `mapAsync` in core/map-async.ts. */
  readonly inTurn: boolean;
}

/** What a draft needs beside. */
export interface DraftContext extends StepContext {
  /** Draws as `propose` does, token by token, and tells what else the model had in mind. */
  readonly candidates: (kept: Completion, branch: number) => AsyncGenerator<Candidates, void, undefined>;
}

/** Swaps of replicas. */
export interface Swaps {
  readonly proposed: number;
  readonly accepted: number;
  /** Those that gave the answering replica another completion. */
  readonly toAnswer: number;
}

/** What happened in a step, to the completion that answers: diagnostics, and the proposal also when it was rejected. */
export interface StepInfo {
  readonly outcome: Outcome;
  /** Tokens of the completion that were kept. */
  readonly cut: number;
  /** The proposed suffix, as far as it was drawn. */
  readonly suffix: Completion;
  /** log r; of an early rejection the upper bound that fell to log u, as where log Z is known within bounds. */
  readonly logRatio: number;
  /** Tokens drawn for all proposals of the step, whichever completion of the state they were for. */
  readonly drawnTokens: number;
  /**
   * How far apart the bounds of log r stayed where they did not settle the decision, which its upper bound then made;
   * of replicas, for all of them together.
   */
  readonly undecidedWidth?: number;
  /** Of replicas. */
  readonly swaps?: Swaps;
}

export interface StepResult<State> {
  /** The very same state where the step left it as it was. */
  readonly state: State;
  readonly info: StepInfo;
}

export interface Draft<State> {
  /** The very same state where it was complete before. */
  readonly state: State;
  readonly drawnTokens: number;
  /** Whether all of it is complete now: it is not when the budget is spent. */
  readonly isComplete: boolean;
}

/** States of a kind: how they begin, grow to a horizon and follow one another there, and which completion answers. */
export interface Walk<State> {
  /** Before anything is drawn. */
  readonly start: State;
  /** Draws on from q where the state is not complete at the horizon. */
  readonly draft: (state: State, context: DraftContext) => Promise<Draft<State>>;
  /** Takes a step; `undefined` when the budget ran out before its end: the step did not happen. */
  readonly step: (state: State, context: StepContext) => Promise<StepResult<State> | undefined>;
  readonly answer: (state: State) => Completion;
}

/** One transition of a chain, with the law that it leaves invariant. */
export interface Kernel<State> extends Walk<State> {
  /** log π(state) up to a constant, nats: π over states of a horizon is what a step leaves invariant. */
  readonly logLaw: (state: State) => number;
  /** Rows of a pass that a step takes while all its proposals are drawn. */
  readonly rowsPerStep: number;
}

/** Kernels on completions that differ in their targets alone: each leaves its own p^α invariant. */
export type KernelFamily = (target: PowerTarget) => Kernel<Completion>;
