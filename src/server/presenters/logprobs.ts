import type { LogprobsMode } from "../../sampling/distribution.ts";
import { toCodePoints } from "../../core/code-points.ts";
import type { ScoredToken, TokenId, TopTokens } from "../../core/tokens.ts";
import type { Tokenizer } from "../../decoder/completer.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import type { ChatLogprobs } from "../schemas/chat.ts";
import type { LegacyLogprobs } from "../schemas/completions.ts";
import type { ChoicePart } from "./parts.ts";

/** JSON has no ∞; this is what vLLM writes for −∞. */
const largestNumber = 9999;

export const finite = (value: number): number =>
  Number.isFinite(value) ? value : value === Infinity ? largestNumber : -largestNumber;

/** What an answer with log-probs says of them. */
export const statedMode = ({
  logprobs,
  logprobsMode,
}: Pick<GenerationPlan, "logprobs" | "logprobsMode">): { logprobs_mode?: LogprobsMode } =>
  logprobs === undefined ? {} : { logprobs_mode: logprobsMode };

/** Shapes log-probs for the legacy completions API and for chat. The very same numbers stand in every list. */
export class LogprobPresenter {
  readonly #tokenizer: Tokenizer;
  readonly #asIds: boolean;
  readonly #count: number;
  readonly #key: "logprob" | "proposalLogprob";

  constructor(
    tokenizer: Tokenizer,
    {
      tokensAsIds,
      logprobs,
      logprobsMode,
    }: Pick<GenerationPlan, "tokensAsIds" | "logprobs" | "logprobsMode">,
  ) {
    this.#tokenizer = tokenizer;
    this.#asIds = tokensAsIds;
    this.#count = logprobs ?? 0;
    this.#key = logprobsMode === "sampled" ? "proposalLogprob" : "logprob";
  }

  /** `top_logprobs` holds the token itself first, then the k likeliest: up to k + 1 entries. */
  legacy({ tokens, textSoFar }: Pick<ChoicePart, "tokens" | "textSoFar">): LegacyLogprobs {
    return {
      tokens: tokens.map(({ token }) => this.#name(token)),
      token_logprobs: tokens.map(({ score }) => (score === undefined ? null : finite(score[this.#key]))),
      top_logprobs: tokens.map(({ score }) => (score === undefined ? null : this.#top(score))),
      text_offset: toCodePoints(
        textSoFar,
        tokens.map(({ offset }) => offset),
      ),
    };
  }

  chat({ tokens }: Pick<ChoicePart, "tokens">): ChatLogprobs {
    return {
      content: tokens.map(({ score }) => ({
        ...this.#entry(score!.token, score![this.#key]),
        top_logprobs: likeliest(score!.top, this.#count).map(([id, logprob]) => this.#entry(id, logprob)),
      })),
    };
  }

  #entry(token: TokenId, logprob: number): { token: string; logprob: number; bytes: number[] } {
    return { token: this.#name(token), logprob: finite(logprob), bytes: [...this.#tokenizer.bytesOf(token)] };
  }

  #name(token: TokenId): string {
    return this.#asIds ? `token_id:${token}` : this.#tokenizer.textOf(token);
  }

  #top({ token, top, ...score }: ScoredToken): Record<string, number> {
    const entries: Record<string, number> = { [this.#name(token)]: finite(score[this.#key]) };
    for (const [id, alternative] of likeliest(top, this.#count))
      entries[this.#name(id)] ??= finite(alternative);
    return entries;
  }
}

function likeliest(top: TopTokens | undefined, count: number): [TokenId, number][] {
  if (top === undefined) return [];
  return Array.from(top.ids.subarray(0, count), (id, rank) => [id, top.logprobs[rank]!]);
}
