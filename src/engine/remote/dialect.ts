import type { TokenId, TokenIds, TopTokens } from "../../core/tokens.ts";
import type { Sampling } from "../../sampling/distribution.ts";
import type { Connection } from "./connection.ts";

export const dialectNames = ["vllm", "sglang", "llamacpp"] as const;
export type DialectName = (typeof dialectNames)[number];

/** What a server says of itself. */
export interface ServerDescription {
  /** The name that calls give the model. */
  readonly model: string;
  /** Of prompt and completion together, tokens. */
  readonly contextLength: number;
  /** How many of the likeliest tokens it reports at most; `undefined` where that is to be found by trying. */
  readonly mostTop: number | undefined;
  readonly version: string | undefined;
  /** What must stay the same as long as it serves the same model: not its version, nor when it was started. */
  readonly identity: string;
  /** For operators. */
  readonly notes: readonly string[];
}

/** What a dialect may have to know before it asks anything. */
export interface DialectSettings {
  /** Tokens that the model has, at least. */
  readonly vocabularySize: number;
}

/** How a kind of server is spoken to. Errors are RemoteErrors, or `aborted` once the signal is. */
export interface Dialect {
  readonly name: DialectName;
  /** 1/τ that it draws by as told: what is beyond, it refuses or changes. */
  readonly inverseTemperatures: { readonly least: number; readonly most: number };
  /** The adjustments of a law that mean the same to it as to us, by what a client's request calls them. */
  readonly adjustments: readonly AdjustmentName[];
  /**
   * Whether it counts the tokens of a completion, and no others, for frequency_penalty and presence_penalty; else these
   * are sent as biases, and a call is for one token.
   */
  readonly countsTokens: boolean;
  /**
   * Whether it takes min_p, top_k and top_p in our order (`sampling/distribution.ts`), or top_p of all of the mass beside
   * the other two, so that it means the same alone only.
   */
  readonly truncation: "together" | "apart";
  /** Tokens of room that scores need beside what is scored: some servers draw one after them. */
  readonly scoreRoom: number;
  /** The server flag that has it report raw log-probs. */
  readonly rawFlag: string;
  /** The server flag that has it report more of the likeliest; absent where there is none. */
  readonly mostTopFlag?: string;
  /** After "start it without": what has its log-probs of tokens it draws and of those in a prompt differ. */
  readonly agreementFlags: string;

  /** @param model as it was asked for; what the server has where left out */
  describe(server: Connection, model: string | undefined, signal: AbortSignal): Promise<ServerDescription>;
  tokenize(
    server: Connection,
    request: { readonly model: string; readonly text: string },
    signal: AbortSignal,
  ): Promise<TokenIds>;
  /** Tokens as messages come; ends when the server is through. One that breaks off throws. */
  draw(server: Connection, call: DrawCall, signal: AbortSignal): AsyncIterable<readonly ReportedToken[]>;
  /** Raw log p (T = 1) of the tokens from `from` on, each given those before it. Absent where it cannot. */
  score?(server: Connection, call: ScoreCall, signal: AbortSignal): Promise<readonly ReportedToken[]>;
  /** Calls that it has under way; absent, or `undefined`, where it does not tell. */
  running?(server: Connection, signal: AbortSignal): Promise<number | undefined>;
}

export type AdjustmentName =
  "logit_bias" | "min_tokens" | "repetition_penalty" | "frequency_penalty" | "presence_penalty";

interface Call {
  readonly model: string;
  /** Names the prompt, for routers. */
  readonly session: string;
  /** Most likely tokens to report with each; at most what the server can. */
  readonly topCount: number;
  /** Told how many tokens of the prompt were cached, where the server says. */
  readonly onCached?: ((tokens: number) => void) | undefined;
}

export interface DrawCall extends Call {
  readonly prefix: TokenIds;
  readonly maxTokens: number;
  /** Each is reported, then the server is through. */
  readonly endTokens: readonly TokenId[];
  /** 1/τ, truncation, bias and penalties; without forbidden tokens, which are among `without`. */
  readonly sampling: Sampling;
  /** Tokens that this call must not draw. */
  readonly without: TokenIds;
  /** In [0, 2^31), another one for every call. */
  readonly seed: number;
}

export interface ScoreCall extends Call {
  readonly tokens: TokenIds;
  /** At least 1. */
  readonly from: number;
}

/** A token as a server tells of it. */
export interface ReportedToken {
  readonly token: TokenId;
  /** Of the raw model, or of the law that it was drawn from: as the server does (`ServerFacts`). */
  readonly logprob: number;
  /** The likeliest under the same law; the token itself is among them if it is as likely. */
  readonly top: TopTokens;
}

/** Where a bias has it that a token cannot be drawn: e^−100 at τ = 1, e^−400 at τ = 1/4. All servers take so much. */
const never = -100;

/** logit_bias by token id, as vLLM, SGLang and OpenAI have it. */
export function logitBias({
  sampling,
  without,
}: Pick<DrawCall, "sampling" | "without">): Record<string, number> {
  const bias: Record<string, number> = {};
  for (const [token, offset] of sampling.adjustments?.bias ?? []) bias[token] = offset;
  for (const token of without) bias[token] = never;
  return bias;
}
