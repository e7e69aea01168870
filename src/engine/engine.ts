import type { LogprobsMode, Sampling } from "../sampling/distribution.ts";
import type { DrawKey } from "../core/random.ts";
import type { TokenStream } from "../core/token-stream.ts";
import type { ScoredToken, TokenId, TokenIds } from "../core/tokens.ts";
import type { PassTimesReport } from "./local/pass-times.ts";

/** What a decoder may know of the model behind the seam. */
export interface EngineInfo {
  readonly vocabularySize: number;
  /** Prompt and completion together, tokens. */
  readonly maxLength: number;
}

export const priorities = ["interactive", "batch"] as const;
/** Batch work gets the lanes that interactive work leaves. */
export type Priority = (typeof priorities)[number];

/** Whose work a sequence is: lanes are divided between requests, whatever number of sequences each has. */
export interface Share {
  readonly request: string;
  readonly priority: Priority;
}

export interface ExtendRequest {
  /** Prompt and completion so far; at least one token. */
  readonly prefix: TokenIds;
  /** At least 1; prefix and `maxTokens` together fit in `EngineInfo.maxLength`. */
  readonly maxTokens: number;
  /** Absorbing tokens: each is yielded, then the extension ends. */
  readonly endTokens: ReadonlySet<TokenId>;
  readonly sampling: Sampling;
  /** The token at position i of the sequence is drawn by `uniform(draws, "token", i)`. */
  readonly draws: DrawKey;
  /** How many of the likeliest tokens to report with each token; 0 for none. */
  readonly topCount: number;
  /** Whose log-probs those have; the raw model's when left out. */
  readonly logprobsMode?: LogprobsMode | undefined;
  /** An extension without one counts as an interactive request of its own. */
  readonly share?: Share | undefined;
}

export interface MemoHealth {
  readonly bytes: number;
  readonly maxBytes: number;
  /** Prompts, at one proposal temperature and priority each, of which something is remembered. */
  readonly prompts: number;
}

/** How busy an engine is, for whoever could use what is idle. */
export interface EngineLoad {
  /** Sequences that a pass has room for. */
  readonly lanes: number;
  /** Sequences pulled now, whoever pulls them. */
  readonly pulled: number;
  /** ms of a decode pass with so many rows; 0 while nothing is known. */
  readonly passMs: (rows: number) => number;
}

/** Load and health of an engine, for operators. */
export interface EngineHealth {
  readonly status: "ok" | "failed";
  /** Why, when failed. */
  readonly reason?: string;
  readonly lanes: { readonly total: number; readonly leased: number };
  /** Sequences open, and among them those that wait for a lane. */
  readonly sequences: { readonly open: number; readonly waiting: number };
  readonly prefixStore: {
    readonly bytes: number;
    readonly maxBytes: number;
    readonly hitTokens: number;
    readonly queryTokens: number;
  };
  /** What is remembered of visited prefixes, where something is. */
  readonly memo?: MemoHealth;
  /** Tokens fed through the model since the start, and forward passes run. */
  readonly evaluatedTokens: number;
  readonly passes: number;
  /** Times that a sequence lost its lane to one of another request while somebody waited for it. */
  readonly preemptions: number;
  readonly passTimes: PassTimesReport;
}

/**
 * What a decoder sees of a model: prefixes are extended token by token. There are no fork or commit calls; the
 * engine finds what it has cached of a prefix by itself, and correctness never depends on it.
 */
export interface Engine extends AsyncDisposable {
  readonly info: EngineInfo;
  /**
   * Tokens drawn after `prefix` until an end token or `maxTokens`. A pull asks the model for one token at most. Stop
   * pulling to stop paying: disposing of the stream frees what the extension held.
   * @throws InferenceError when pulled: `invalid_request`, `context_length_exceeded`, `engine_failed`, `numerical_error`,
   * or `aborted` once the signal is
   */
  extend(request: ExtendRequest, signal: AbortSignal): TokenStream;
  /** The scores of tokens 1.. of `tokens`, each given those before it: one entry fewer than tokens. */
  score(
    tokens: TokenIds,
    topCount: number,
    signal: AbortSignal,
    share?: Share,
  ): Promise<readonly ScoredToken[]>;
  health(): EngineHealth;
  load(): EngineLoad;
}

/** What a memo is of. */
export interface MemoKey {
  readonly prompt: TokenIds;
  /** 1/τ of the proposals: log Z belongs to it. */
  readonly inverseTemperature: number;
  /** Chains wait for each other where they ask the same; an urgent one must not wait for one that is not. */
  readonly priority: Priority;
}

/** Engines around an engine that answer from visited prefixes. They borrow it, and decide nothing. */
export interface Memos {
  /** Remembers with all chains that have the same key, of this request and of others. */
  share(engine: Engine, key: MemoKey): Engine;
  /**
   * Remembers for one chain alone. For a chain with a budget of evaluations: what others have asked before must not
   * decide where it stops.
   */
  own(engine: Engine, key: MemoKey): Engine;
  health(): MemoHealth;
}
