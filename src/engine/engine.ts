import type { DrawCost } from "../core/draw-cost.ts";
import type { LogprobsMode, Sampling } from "../sampling/distribution.ts";
import { uniform } from "../core/random.ts";
import type { DrawKey } from "../core/random.ts";
import type { TokenStream } from "../core/token-stream.ts";
import type { ScoredToken, TokenId, TokenIds, TopTokens } from "../core/tokens.ts";
import type { EngineHealth } from "./health.ts";
import type { Said } from "./said.ts";
import type { TokenConstraint } from "./token-constraint.ts";

/**
 * How far the log-probs of one prefix may differ from time to time, by what else runs and what is cached: `bitwise`, not
 * at all; `rounding`, by the order in which floats are summed, so that a seed repeats its tokens but where a draw falls
 * between two; `approximate`, by the rounding of activations to 8 bits or more than that, so that it need not.
 */
export const reproducibilities = ["bitwise", "rounding", "approximate"] as const;
export type Reproducibility = (typeof reproducibilities)[number];

/** How a number of the model's is known: `interval`, within bounds that come with it. */
export type Knowledge = "exact" | "interval" | "unknown";

/** What engines differ in. A request for what an engine lacks is refused as `unsupported`, naming the field. */
export interface EngineCapabilities {
  /**
   * Whether tokens are drawn by the uniforms at their addresses: the same distribution, law and address then give the
   * same token. How near the distributions of one prefix are to each other is `reproducibility`.
   */
  readonly repeats: boolean;
  readonly reproducibility: Reproducibility;
  /**
   * How many of the likeliest tokens it reports with each token at most; all of them where it is the vocabulary's size.
   */
  readonly mostTop: number;
  /**
   * How log Z, and with it log q, is known at every 1/τ: exactly; within bounds, which tokens then carry
   * (`logNormalizerGap`) and `narrow` may bring together; or not at all: tokens drawn at a 1/τ other than 1 have NaN.
   */
  readonly logNormalizer: Knowledge;
  /** How the entropy of the next-token distribution is known; tokens have NaN for it where it is not at all. */
  readonly entropy: Knowledge;
  /** 1/τ at which it can draw; every one where left out. */
  readonly inverseTemperatures?: { readonly least: number; readonly most: number };
  /** Whether it can tell how far a distribution is from the uniform one, which rests on all of it. */
  readonly selfCertainty: boolean;
  /** Whether penalties, bias and forbidden tokens can change the logits before a token is drawn. */
  readonly adjustments: boolean;
  /** Whether it can draw from the likeliest tokens alone: top_k (greedy is top_k 1), top_p, min_p. */
  readonly truncation: boolean;
  /** Whether it can hold completions to a constraint. */
  readonly constraints: boolean;
  /** Whether it can score given tokens. */
  readonly scores: boolean;
}

/** What a decoder may know of the model behind the seam. */
export interface EngineInfo {
  readonly vocabularySize: number;
  /** Prompt and completion together, tokens. */
  readonly maxLength: number;
  readonly capabilities: EngineCapabilities;
}

export const priorities = ["interactive", "batch"] as const;
/** Batch work gets the lanes that interactive work leaves. */
export type Priority = (typeof priorities)[number];

/**
 * Whom a sequence works for: lanes are divided between clients, those of a client between its requests, however many
 * requests and sequences each has.
 */
export interface Share {
  readonly client: string;
  readonly request: string;
  readonly priority: Priority;
  /** Whether somebody reads as tokens come, and sees each pause; so it is taken to be when left out. */
  readonly isWatched?: boolean;
}

export interface ExtendRequest {
  /** Prompt and completion so far; at least one token. */
  readonly prefix: TokenIds;
  /** How many of these are the prompt, where that is known: what has a prompt in common is cached together elsewhere. */
  readonly promptLength?: number | undefined;
  /** At least 1; prefix and `maxTokens` together fit in `EngineInfo.maxLength`. */
  readonly maxTokens: number;
  /** Absorbing tokens: each is yielded, then the extension ends. */
  readonly endTokens: ReadonlySet<TokenId>;
  readonly sampling: Sampling;
  /**
   * Tokens are drawn from those that it permits alone; it counts from `promptLength`, which has to be known, and the
   * prefix has to be permitted. The model's log p knows nothing of it, log Z is over what is permitted, and so are the
   * likeliest tokens reported: others stand behind them, with log p = −∞.
   */
  readonly constraint?: TokenConstraint | undefined;
  /** Where the engine repeats, the token at position i of the sequence is drawn by `tokenUniform(request, i)`. */
  readonly draws: DrawKey;
  /**
   * Draws the first token beyond this share of its law, taken in descending probability: by b + (1 − b)·u in u's place.
   * 0 when left out.
   */
  readonly beyond?: number | undefined;
  /**
   * Draws the first token from what its law has beyond these, as a memo needs for a draw past what it remembers. Of
   * engines that do not repeat; the others have `beyond`.
   */
  readonly without?: TokenIds | undefined;
  /** How many of the likeliest tokens to report with each token; 0 for none. */
  readonly topCount: number;
  /** The law whose log-probs those have; the raw model when left out. */
  readonly logprobsMode?: LogprobsMode | undefined;
  /** Whether to report with each token the self-certainty of the distribution that it was drawn after. */
  readonly selfCertainty?: boolean | undefined;
  /** An extension without one counts as an interactive request of a client of its own. */
  readonly share?: Share | undefined;
  /**
   * What was said after the prompt: an engine that can check several tokens in a pass may have it foretell the next
   * ones. Nothing but time depends on it.
   */
  readonly said?: Said | undefined;
  /** Where a meter adds what this extension asks the model for. */
  readonly cost?: DrawCost | undefined;
}

/** The uniform by which an engine that repeats draws the token at a position of the sequence. */
export function tokenUniform(
  { prefix, draws, beyond = 0 }: Pick<ExtendRequest, "prefix" | "draws" | "beyond">,
  position: number,
): number {
  const u = uniform(draws, "token", position);
  return position > prefix.length ? u : beyond + (1 - beyond) * u;
}

/** A token whose bounds do not settle what rests on them. */
export interface NarrowRequest {
  /** The tokens before it. */
  readonly prefix: TokenIds;
  /** See `ExtendRequest.promptLength`. */
  readonly promptLength?: number | undefined;
  readonly token: ScoredToken;
  /** 1/τ of the law that it was drawn from, which was tempered and nothing else. */
  readonly inverseTemperature: number;
  readonly share?: Share | undefined;
}

/** A token within narrower bounds. */
export interface Narrowed {
  /** The same token, of the same log p. */
  readonly token: ScoredToken;
  /** More of the likeliest tokens than were known before, under the raw model. */
  readonly top: TopTokens;
}

export interface ScoreOptions {
  /** How many of the likeliest tokens to report at each position; 0 for none. */
  readonly topCount: number;
  /** Scores without one count as an interactive request of a client of their own. */
  readonly share?: Share | undefined;
}

/** How busy an engine is, for a decoder that could use what is idle. */
export interface EngineLoad {
  /** Sequences that a pass has room for. */
  readonly lanes: number;
  /** Sequences of all requests that are pulled now. */
  readonly pulled: number;
  /** ms of a decode pass with so many rows; 0 while nothing is known. */
  readonly passMs: (rows: number) => number;
  /** Tokens that a row which is alone in its passes is expected to settle in the time of one; 1 without speculation. */
  readonly aloneGain: number;
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
   * @throws InferenceError when pulled: `invalid_request`, `context_length_exceeded`, `unsupported`, `engine_failed`,
   * `numerical_error`, `shutting_down`, or `aborted` once the signal is
   */
  extend(request: ExtendRequest, signal: AbortSignal): TokenStream;
  /**
   * The scores of tokens 1.. of `tokens`, each given those before it: one entry fewer than tokens.
   * @throws InferenceError as `extend`
   */
  score(tokens: TokenIds, options: ScoreOptions, signal: AbortSignal): Promise<readonly ScoredToken[]>;
  /**
   * Asks for more of the likeliest tokens after a prefix, so that the bounds of log Z there come nearer to each other.
   * Absent from engines that know it exactly.
   * @returns `undefined` where it cannot tell more than it has told, whoever asks; the token as it was, without others,
   * where it may not be asked now
   * @throws InferenceError as `extend`
   */
  narrow?(request: NarrowRequest, signal: AbortSignal): Promise<Narrowed | undefined>;
  /** `undefined` for an engine that cannot say: nothing is then begun ahead. */
  load(): EngineLoad | undefined;
  health(): EngineHealth;
}
