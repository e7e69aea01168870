import type { LogprobsMode } from "../../sampling/distribution.ts";
import { logQ } from "../../sampling/law.ts";
import { toCodePoints } from "../../core/code-points.ts";
import type { ScoredToken, TokenId, TopTokens } from "../../core/tokens.ts";
import type { Tokenizer } from "../../decoder/completer.ts";
import { inverseTemperatureOf } from "../../samplers/registry.ts";
import type { SamplerSettings } from "../../samplers/registry.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import type { ChatLogprobs } from "../schemas/chat.ts";
import type { LegacyLogprobs } from "../schemas/completions.ts";
import type { ChoicePart } from "./parts.ts";

/** JSON has no ∞; this is what vLLM writes for −∞. */
const largestNumber = 9999;

export function finite(value: number): number {
  // A number that is not one is a fault, never something to report as improbable.
  if (Number.isNaN(value)) throw new Error("a log-prob is not a number");
  return Number.isFinite(value) ? value : value > 0 ? largestNumber : -largestNumber;
}

/** Rounding may leave the log-prob of a certain token a hair above 0. */
const stated = (logprob: number): number => Math.min(0, finite(logprob));

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
  readonly #logprobOf: (score: ScoredToken) => number;

  constructor(
    tokenizer: Tokenizer,
    {
      tokensAsIds,
      logprobs,
      logprobsMode,
      requests,
    }: Pick<GenerationPlan, "tokensAsIds" | "logprobs" | "logprobsMode" | "requests">,
  ) {
    this.#tokenizer = tokenizer;
    this.#asIds = tokensAsIds;
    this.#count = logprobs ?? 0;
    // A plan's requests differ in their prompts and choices alone.
    this.#logprobOf = logprobsMode === "sampled" ? logQOf(requests[0]!.settings) : ({ logprob }) => logprob;
  }

  /** `top_logprobs` holds the token itself first, then the k likeliest: up to k + 1 entries. */
  legacy({ tokens, textSoFar }: Pick<ChoicePart, "tokens" | "textSoFar">): LegacyLogprobs {
    return {
      tokens: tokens.map(({ token }) => this.#name(token)),
      token_logprobs: tokens.map(({ score }) =>
        score === undefined ? null : stated(this.#logprobOf(score)),
      ),
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
        ...this.#entry(score!.token, this.#logprobOf(score!)),
        top_logprobs: likeliest(score!.top, this.#count).map(([id, logprob]) => this.#entry(id, logprob)),
      })),
    };
  }

  #entry(token: TokenId, logprob: number): { token: string; logprob: number; bytes: number[] } {
    return { token: this.#name(token), logprob: stated(logprob), bytes: [...this.#tokenizer.bytesOf(token)] };
  }

  #name(token: TokenId): string {
    return this.#asIds ? `token_id:${token}` : this.#tokenizer.textOf(token);
  }

  /** Without a prototype: a token may have the name of what every object inherits. */
  #top(score: ScoredToken): Record<string, number> {
    const entries = Object.create(null) as Record<string, number>;
    entries[this.#name(score.token)] = stated(this.#logprobOf(score));
    for (const [id, alternative] of likeliest(score.top, this.#count))
      entries[this.#name(id)] ??= stated(alternative);
    return entries;
  }
}

function likeliest(top: TopTokens | undefined, count: number): [TokenId, number][] {
  if (top === undefined) return [];
  return Array.from(top.ids.subarray(0, count), (id, rank) => [id, top.logprobs[rank]!]);
}

/** log q of tokens that a sampler of these settings drew. */
function logQOf(settings: SamplerSettings): (score: ScoredToken) => number {
  const inverseTemperature = inverseTemperatureOf(settings);
  return ({ logprob, logNormalizer }) => logQ({ inverseTemperature, logNormalizer }, logprob);
}
