import type { TokenStream } from "../core/token-stream.ts";
import type { ScoredToken, TokenId, TokenIds, TokenRun } from "../core/tokens.ts";
import type { Engine, Share } from "../engine/engine.ts";
import type { Memos } from "../engine/memo/memos.ts";
import type { SaidByPrompt } from "../engine/said.ts";
import type { TokenConstraint } from "../engine/token-constraint.ts";
import type { CompletionToken } from "../mcmc/completion.ts";
import type { StageEvent } from "../mcmc/stages.ts";
import type { LogprobsMode } from "../sampling/distribution.ts";

/** What a decoder has to know of a request beside its sampler's settings. */
export interface DecodeRequest {
  readonly prompt: TokenIds;
  readonly maxTokens: number;
  /** An integer in ±2^53. */
  readonly seed: number;
  /** Index among the request's completions; part of every draw's address. */
  readonly choice: number;
  /** How many of the likeliest tokens to report with each token. */
  readonly topCount: number;
  /** The law whose log-probs those have; the raw model when left out. */
  readonly logprobsMode?: LogprobsMode;
  /** Whether to report the self-certainty of the distribution that each token was drawn after. */
  readonly selfCertainty?: boolean;
  /** The request that it works for; one of its own when left out. */
  readonly share?: Share;
  /** Whether to report how a chain gets on. */
  readonly progress?: boolean;
  /** Whether to report what a chain does, step by step. */
  readonly trace?: boolean;
}

/** What ends a completion. */
export interface Ends {
  /** End tokens. */
  readonly tokens: ReadonlySet<TokenId>;
  /** Whether a token after `kept` ends the completion. */
  endsWith(kept: readonly ScoredToken[], token: TokenId): boolean;
  /** Marks the token after `kept` that ends the completion, and stops pulling there. */
  mark(kept: readonly ScoredToken[], extension: TokenStream): TokenStream<CompletionToken>;
}

/** Each leaves the chain as it is, token for token; they can be switched off to see what they save. */
export interface Accelerations {
  readonly earlyRejection: boolean;
  readonly prefetch: boolean;
  /** What chains remember; `undefined` when switched off. */
  readonly memo: Memos | undefined;
  /** What texts are foretold by; `undefined` when switched off. */
  readonly speculation?: SaidByPrompt | undefined;
}

/** What a decoder works with. */
export interface DecodeContext<Settings> {
  readonly request: DecodeRequest;
  readonly settings: Settings;
  /** 1/τ of the law that tokens are drawn from. */
  readonly inverseTemperature: number;
  /** Metered: counts the tokens that it is asked for. */
  readonly engine: Engine;
  readonly ends: Ends;
  /** What completions are held to, where the request says so. */
  readonly constraint?: TokenConstraint | undefined;
  readonly accelerations: Accelerations;
  /** See `CostTerms`. */
  readonly isIsolated: boolean;
  /** Model evaluations paid for so far, discarded ones included. */
  readonly evaluatedTokens: () => number;
  readonly signal: AbortSignal;
  /** Once it is aborted, what is drawn from ends as at a budget's end, and the decoder with what it has. */
  readonly ending: AbortSignal;
}

/** How far a chain has come. */
export interface Progress {
  /** Of `blocks`, counted from 1. */
  readonly block: number;
  readonly blocks: number;
  /** Of `steps` in this block; 0 while it is drafted. */
  readonly step: number;
  readonly steps: number;
  /** Of all steps so far: what became of their proposals. `acceptance` is (moved + unchanged) / steps; 0 before one. */
  readonly moved: number;
  readonly unchanged: number;
  readonly rejected: number;
  readonly rejected_early: number;
  readonly acceptance: number;
  /** While particles draft the block: tokens of the longest completion that they have begun. */
  readonly drafted_tokens?: number;
  /** Most that it may have. */
  readonly horizon?: number;
}

/** Blocks that a chain may come to, and steps in each. */
export interface ChainLength {
  readonly blocks: number;
  readonly steps: number;
}

export type DecodeEvent =
  /** Tokens that are final. */
  | { readonly type: "tokens"; readonly tokens: TokenRun<CompletionToken> }
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "chain"; readonly event: StageEvent; readonly length: ChainLength };

/** What tells whether several chains of one prompt agree. */
export interface MixingTrace {
  /** Σ log p after each step since the completion was last extended, nats. */
  readonly logprobs: readonly number[];
  /** Whether the chain by itself reads as unmixed. */
  readonly isUnmixed: boolean;
}

/** How a completion came to be. */
export interface Decoded<Report> {
  readonly report: Report;
  readonly chain?: MixingTrace;
  /** Whether `ending` ended it. */
  readonly endedEarly?: boolean;
}

/** Yields tokens once they are final, and meanwhile how it gets on. */
export type Decoder<Settings, Report> = (
  context: DecodeContext<Settings>,
) => AsyncGenerator<DecodeEvent, Decoded<Report>, undefined>;
