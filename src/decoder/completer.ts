import type { LogprobsMode } from "../sampling/distribution.ts";
import type { LogitAdjustments } from "../sampling/logit-adjustments.ts";
import type { ScoredToken, TokenId, TokenIds } from "../core/tokens.ts";
import { priorities } from "../engine/engine.ts";
import type { EngineInfo, Priority, ScoreOptions, Share } from "../engine/engine.ts";
import type { EngineHealth } from "../engine/health.ts";
import type { MemoHealth } from "../engine/memo/memos.ts";
import type { Outcome } from "../mcmc/kernel.ts";
import type { Schedule } from "../mcmc/schedule.ts";
import type { Swaps } from "../mcmc/tempering.ts";
import type { ChatMessage, ChatTemplate } from "./chat-template.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What a request leaves open, the model's own files decide. */
export interface GenerationDefaults {
  readonly maxTokens: number | undefined;
  readonly alpha: number;
  readonly mcmcSteps: number;
  readonly blockSize: number | undefined;
}

/** A model, and what the engine that runs it can do. */
export interface ModelInfo extends EngineInfo {
  readonly id: string;
  readonly endTokenIds: TokenIds;
  readonly defaults: GenerationDefaults;
  /** A prompt that shows the model at work. */
  readonly examplePrompt: string | undefined;
}

export const samplerNames = ["power", "standard", "low_temperature", "greedy", "smc", "maximize"] as const;
export type SamplerName = (typeof samplerNames)[number];

export interface StandardSettings {
  readonly sampler: "standard";
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly adjustments?: Omit<LogitAdjustments, "promptLength" | "forbidden">;
  /** End tokens cannot be drawn before so many tokens. */
  readonly minTokens?: number;
}

/** What a completion of a sampler of whole completions may cost. */
export interface CostSettings {
  /** Budget of model evaluations; the sampler stops with what it has when it is spent. */
  readonly maxEvaluatedTokens?: number;
  /**
   * Whether what the completion costs, and where a budget stops it, depend on this request alone. True with a budget, which
   * it cannot be without; else false when left out. The completion is the same either way.
   */
  readonly isolated?: boolean;
}

/** How long a chain over completions runs. */
export interface ChainSchedule extends CostSettings {
  readonly mcmcSteps: number;
  readonly blockSize: number;
  readonly proposalTemperature: number;
  readonly schedule: Schedule;
}

export const cutNames = ["uniform", "entropy"] as const;
export type CutName = (typeof cutNames)[number];

export const kernelNames = ["single_try", "multiple_try", "tempering"] as const;
export type KernelSettings =
  | { readonly name: "single_try" }
  | { readonly name: "multiple_try"; readonly tries: number }
  | { readonly name: "tempering"; readonly replicas: number };

export interface PowerSettings extends ChainSchedule {
  readonly sampler: "power";
  readonly alpha: number;
  /** Where suffixes are cut off; "uniform" when left out. */
  readonly cut?: CutName;
  /** "single_try" when left out. */
  readonly kernel?: KernelSettings;
}

/** Approximately p^α, by particles. */
export interface SmcSettings extends CostSettings {
  readonly sampler: "smc";
  readonly alpha: number;
  readonly particles: number;
  readonly proposalTemperature: number;
}

/** A search for the likeliest completion. */
export interface MaximizeSettings extends ChainSchedule {
  readonly sampler: "maximize";
  readonly cut: CutName;
}

export type SamplerSettings =
  | StandardSettings
  | PowerSettings
  | SmcSettings
  | MaximizeSettings
  | { readonly sampler: "low_temperature"; readonly alpha: number }
  | { readonly sampler: "greedy" };

/** One completion of one prompt. */
export interface GenerateRequest {
  readonly prompt: TokenIds;
  readonly settings: SamplerSettings;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** Tokens that end the completion, beside the model's own. */
  readonly stopTokens?: TokenIds;
  /** Whether the model's own end tokens are tokens like any other. */
  readonly ignoreEnd?: boolean;
  /** An integer in ±2^53. */
  readonly seed: number;
  /** Index among the request's completions; part of every draw's address. */
  readonly choice: number;
  /** How many of the likeliest tokens to report with each token. */
  readonly topCount: number;
  /** Whose log-probs those have; the raw model's when left out. */
  readonly logprobsMode?: LogprobsMode;
  /** Whose work it is; a request of its own when left out. */
  readonly share?: Share;
  /** Whether the client reads nothing before the end: what follows the first text then comes as one event. */
  readonly inOnePiece?: boolean;
  /** Whether to report how a chain gets on. */
  readonly progress?: boolean;
  /** Whether to report what a chain does, step by step. */
  readonly trace?: boolean;
}

/** How far a chain has come. */
export interface Progress {
  /** Of `blocks`, counted from 1. */
  readonly block: number;
  readonly blocks: number;
  /** Of `steps` in this block; 0 while it is drafted. */
  readonly step: number;
  readonly steps: number;
  /** Share of all steps so far that were accepted, unchanged proposals included; 0 before the first. */
  readonly acceptance: number;
}

/** A committed token, with where its text stands. */
export interface GeneratedToken extends ScoredToken {
  /** UTF-16 offset in the completion's text at which this token's text begins. */
  readonly offset: number;
}

/** A token of a text that may still change. */
export interface TracedToken {
  readonly token: TokenId;
  /** Where its text begins in the completion's, code points. */
  readonly offset: number;
  /** log p, nats. */
  readonly logprob: number;
  /** Of the raw next-token distribution, nats. */
  readonly entropy: number;
}

interface StepNumber {
  /** Counted from 1. */
  readonly block: number;
  /** Counted from 1; 0 is the draft that brings the block to its horizon. */
  readonly step: number;
}

/** What a chain does. Characters are code points of the completion's text. */
export type ChainTrace =
  | {
      readonly type: "block";
      readonly block: number;
      readonly blocks: number;
      /** Most tokens a completion may have in this block. */
      readonly horizon: number;
      /** Steps that follow in it. */
      readonly steps: number;
    }
  | (StepNumber & {
      readonly type: "proposal";
      /** Tokens kept; the proposed ones follow them. */
      readonly cut: number;
      readonly fromChar: number;
      readonly text: string;
      readonly tokens: readonly TracedToken[];
      /** log r; of an early rejection the upper bound that decided it. */
      readonly logRatio: number;
    })
  | (StepNumber & {
      readonly type: "decision";
      readonly outcome: Outcome;
      /** min(1, r): how likely the proposal was to be accepted; an upper bound when it was rejected early. */
      readonly probability: number;
      /** Σ log p of the state after the step, nats. */
      readonly logprob: number;
    })
  | (StepNumber & {
      readonly type: "revision";
      /** The text and the tokens before these stand as they are; the rest is replaced. */
      readonly fromChar: number;
      readonly fromToken: number;
      readonly text: string;
      readonly tokens: readonly TracedToken[];
      /** Σ log p of the new state, nats. */
      readonly logprob: number;
    });

/** How a chain over completions went. */
export interface ChainReport {
  /** Σ log p of the completion, nats. */
  readonly logprob: number;
  readonly steps: number;
  /** Tokens drawn for draft and proposals, those answered from memory included. */
  readonly drawnTokens: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Steps after which the first token was another one, and steps that proposed another one. */
  readonly firstTokenChanges: number;
  readonly firstTokenProposals: number;
  readonly blocks: number;
  readonly budgetExhausted: boolean;
}

export interface PowerReport extends ChainReport {
  readonly alpha: number;
  /** Of tempering. */
  readonly swaps?: Swaps;
  /** Of the raw model's law of the first token, nats. */
  readonly firstTokenEntropy: number;
  /** Σ log p after each step since the completion was last extended, nats. */
  readonly logprobTrace: readonly number[];
}

/** How particles went. */
export interface SmcReport {
  readonly alpha: number;
  readonly particles: number;
  /** Σ log p of the completion, nats. */
  readonly logprob: number;
  /** (ΣW)² / ΣW² when the answer was drawn. */
  readonly effectiveSampleSize: number;
  readonly resamplings: number;
  /** Log of the unbiased estimate of Σ_x p(x)^α, nats; none when the budget ended first. */
  readonly logEvidence?: number;
  /** Tokens drawn for all particles, those answered from memory included. */
  readonly drawnTokens: number;
  readonly budgetExhausted: boolean;
}

/** What a sampler has to say about how its completion came to be. */
export interface SamplerReport {
  readonly power?: PowerReport;
  readonly smc?: SmcReport;
  readonly maximize?: ChainReport;
}

export type CompletionEvent =
  /** Tokens that are final, and the text they release; text that may be the start of a stop string is held back. */
  | { readonly type: "text"; readonly tokens: readonly GeneratedToken[]; readonly text: string }
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "trace"; readonly trace: ChainTrace }
  | (SamplerReport & {
      readonly type: "finish";
      readonly reason: "stop" | "length";
      /** The stop string or stop token that ended it; null for the model's own end token. */
      readonly stop: string | TokenId | null;
      /** Model evaluations paid for, discarded ones included. */
      readonly evaluatedTokens: number;
    });

/** The engine's health, and what chains remember. */
export interface CompleterHealth extends EngineHealth {
  /** Absent where they remember nothing. */
  readonly memo?: MemoHealth;
}

/** What the server sees of a model: behind it stands an engine in this thread or in a worker's. */
export interface Completer extends AsyncDisposable {
  readonly model: ModelInfo;
  readonly tokenizer: Tokenizer;
  /** `undefined` for a model that knows no conversations. */
  readonly chatTemplate: ChatTemplate | undefined;
  /** The last event is `finish`. Closing the iterator or aborting stops the work within one step. */
  complete(request: GenerateRequest, signal: AbortSignal): AsyncIterable<CompletionEvent>;
  /** Scores of tokens 1.. of the list, each given those before it, for echo and perplexity. */
  score(tokens: TokenIds, options: ScoreOptions, signal: AbortSignal): Promise<readonly ScoredToken[]>;
  /** Asks the engine itself, so an answer also says that it is alive. */
  health(): Promise<CompleterHealth>;
}

export { priorities };
export type { ChatMessage, ChatTemplate, Priority, ScoreOptions, Share, Tokenizer };
