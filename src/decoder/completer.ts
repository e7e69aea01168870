import type { TokenList } from "../core/token-list.ts";
import type { ScoredToken, TokenId, TokenIds } from "../core/tokens.ts";
import { priorities, reproducibilities } from "../engine/engine.ts";
import type { EngineInfo, Priority, Reproducibility, ScoreOptions, Share } from "../engine/engine.ts";
import type { EngineDetails, EngineHealth, LocalDetails, RemoteDetails } from "../engine/health.ts";
import type { MemoHealth } from "../engine/memo/memos.ts";
import type { Constraint } from "../grammar/constraint.ts";
import type { Outcome } from "../mcmc/kernel.ts";
import type { DecodeRequest, MixingTrace, Progress } from "../samplers/decoder.ts";
import type { Reports, SamplerName, SamplerSettings } from "../samplers/registry.ts";
import type { SamplerDefaults } from "../samplers/sampler.ts";
import type { ChatMessage, ContentPart } from "./chat-template.ts";
import { promptBytes } from "./prompts/prompt-encoder.ts";
import type { EncodeOptions, Prompt, PromptEncoder } from "./prompts/prompt-encoder.ts";
import type { ThreadMemory } from "./thread-memory.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What a request leaves open, the model's own files decide. */
export interface GenerationDefaults extends SamplerDefaults {
  readonly maxTokens: number | undefined;
}

/** Fields of a request under a name: its sampler's, and how its answers are chosen. */
export type Preset = { readonly sampler: SamplerName } & Readonly<Record<string, unknown>>;

/** A model, and what the engine that runs it can do. */
export interface ModelInfo extends EngineInfo {
  readonly id: string;
  readonly endTokenIds: TokenIds;
  readonly defaults: GenerationDefaults;
  /** What the model is, for somebody who meets it; `undefined` where its files do not say. */
  readonly description: string | undefined;
  /** Prompts that show the model at work, the most telling first. */
  readonly examplePrompts: readonly string[];
  /** By the suffix of the model's name that picks them; none when left out. */
  readonly presets?: Readonly<Record<string, Preset>> | undefined;
}

/** One completion of one prompt. */
export interface GenerateRequest extends DecodeRequest {
  readonly settings: SamplerSettings;
  readonly stop: readonly string[];
  /** Tokens that end the completion, beside the model's own. */
  readonly stopTokens?: TokenIds;
  /** What the completion is held to. */
  readonly constraint?: Constraint | undefined;
  /** Whether the model's own end tokens are tokens like any other. */
  readonly ignoreEnd?: boolean;
  /** Whether special tokens are text, as in answers that call tools by them; the model's own ends never are. */
  readonly showSpecial?: boolean;
  /** What of a chain's trace is read; nothing else of it is built, or crosses threads. All of it when left out. */
  readonly traces?: readonly TraceName[];
  /** Whether the text is read only once it is whole: what follows the first of it then comes as one event. */
  readonly inOnePiece?: boolean;
}

/** What completions are to be held to, and who asks. */
export interface ConstraintCheck extends Pick<GenerateRequest, "stopTokens" | "ignoreEnd"> {
  readonly constraint: Constraint;
  /** `undefined` for all that name none. */
  readonly client?: string | undefined;
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
  /** Of the raw next-token distribution, nats; see `ScoredToken`. */
  readonly entropy: number;
  readonly entropyGap?: number;
  /** The likeliest tokens in its place with their log p, most likely first. Present when the request asked for them. */
  readonly likeliest?: readonly (readonly [token: TokenId, logprob: number])[];
}

export interface StepNumber {
  /** Counted from 1. */
  readonly block: number;
  /** Counted from 1; 0 is the draft that brings the block to its horizon. */
  readonly step: number;
}

/** What a chain does, as text. Characters are code points of the completion's text. */
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
      /** Whether a swap with a hotter replica then gave the chain another completion. */
      readonly swapped: boolean;
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

export const traceNames = [
  "block",
  "proposal",
  "decision",
  "revision",
] as const satisfies ChainTrace["type"][];
export type TraceName = (typeof traceNames)[number];

export type CompletionEvent =
  /** Tokens that are final, and the text they release; text that may be the start of a stop string is held back. */
  | { readonly type: "text"; readonly tokens: TokenList<GeneratedToken>; readonly text: string }
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "trace"; readonly trace: ChainTrace }
  | {
      readonly type: "finish";
      readonly reason: "stop" | "length";
      /** Why it ended before the sampler was through, with what it had come to; absent from all others. */
      readonly endedEarly?: "shutdown";
      /** The stop string or stop token that ended it; null for the model's own end token. */
      readonly stop: string | TokenId | null;
      /** Model evaluations paid for, discarded ones included. */
      readonly evaluatedTokens: number;
      /** What the sampler has to say about how the completion came to be, under its name. */
      readonly report: Reports;
      /** For comparing the chains of one prompt. */
      readonly chain?: MixingTrace;
    };

/** The engine's health, and what chains remember. */
export interface CompleterHealth extends EngineHealth {
  /** Absent where they remember nothing. */
  readonly memo?: MemoHealth;
  /** Of the worker's thread; absent where the engine has no thread of its own. */
  readonly thread?: ThreadMemory;
}

/** What the server sees of a model: behind it stands an engine in this thread or in a worker's. */
export interface Completer extends AsyncDisposable {
  readonly model: ModelInfo;
  readonly tokenizer: Tokenizer;
  /** Text and conversations to tokens. Closed with the completer. */
  readonly prompts: PromptEncoder;
  /** The last event is `finish`. Closing the iterator or aborting stops the work within one step. */
  complete(request: GenerateRequest, signal: AbortSignal): AsyncIterable<CompletionEvent>;
  /**
   * Reads what completions are to be held to, before any of them is asked for: those that follow find it read.
   * @throws InferenceError `invalid_request` or `unsupported`, naming the constraint's field, where `complete` would
   *   refuse it before the first token
   */
  checkConstraint(check: ConstraintCheck, signal: AbortSignal): Promise<void>;
  /** Scores of tokens 1.. of the list, each given those before it, for echo and perplexity. */
  score(tokens: TokenIds, options: ScoreOptions, signal: AbortSignal): Promise<TokenList>;
  /**
   * Has all completions that run end with what they have come to: a chain with its current state. One that has no token
   * yet, scores, and what is asked for later fail with `shutting_down`.
   */
  endEarly(): void;
  /** Asks the engine itself, so an answer also says that it is alive. */
  health(): Promise<CompleterHealth>;
}

export { priorities, promptBytes, reproducibilities };
export type {
  EngineDetails,
  LocalDetails,
  RemoteDetails,
  MixingTrace,
  ChatMessage,
  ContentPart,
  EncodeOptions,
  Prompt,
  PromptEncoder,
  Priority,
  Reproducibility,
  ScoreOptions,
  Share,
  Tokenizer,
};
