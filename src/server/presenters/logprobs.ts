import type { LogprobsMode } from "../../sampling/distribution.ts";
import { logQ } from "../../sampling/law.ts";
import { codePointCounter } from "../../core/code-points.ts";
import type { ScoredToken, TokenId, TopTokens } from "../../core/tokens.ts";
import type { GenerateRequest, Tokenizer } from "../../decoder/completer.ts";
import { inverseTemperatureOf } from "../../samplers/registry.ts";
import type { SamplerSettings } from "../../samplers/registry.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import type { ChatLogprobs } from "../schemas/chat.ts";
import type { LegacyLogprobs } from "../schemas/completions.ts";
import { longList, longObject, mapLazily } from "../long-json.ts";
import type { LongJson } from "../long-json.ts";
import type { ChoicePart } from "./choice-tracker.ts";
import type { PlacedToken } from "./placed-tokens.ts";

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
  /** Decoding a token anew for each of its places takes longer than all else. */
  readonly #names = new Map<TokenId, string>();
  readonly #logprobOf: (score: ScoredToken) => number;

  constructor(
    tokenizer: Tokenizer,
    {
      tokensAsIds,
      logprobs,
      logprobsMode,
      requests,
    }: Pick<GenerationPlan, "tokensAsIds" | "logprobs" | "logprobsMode"> & {
      readonly requests: readonly Pick<GenerateRequest, "settings">[];
    },
  ) {
    this.#tokenizer = tokenizer;
    this.#asIds = tokensAsIds;
    this.#count = logprobs ?? 0;
    // A plan's requests differ in their prompts and choices alone.
    this.#logprobOf = logprobsMode === "sampled" ? logQOf(requests[0]!.settings) : ({ logprob }) => logprob;
  }

  /** `top_logprobs` holds the token itself first, then the k likeliest: up to k + 1 entries. */
  legacy({ tokens, textSoFar }: Pick<ChoicePart, "tokens" | "textSoFar">): LongJson<LegacyLogprobs> {
    const each = <Value>(write: (token: PlacedToken) => Value): LongJson<Value[]> =>
      longList(() => mapLazily(tokens, write));
    return longObject<LegacyLogprobs>({
      tokens: each(({ token }) => this.#name(token)),
      token_logprobs: each(({ score }) => (score === undefined ? null : stated(this.#logprobOf(score)))),
      top_logprobs: each(({ score }) => (score === undefined ? null : this.#top(score))),
      text_offset: longList(() => {
        const toPoints = codePointCounter(textSoFar);
        return mapLazily(tokens, ({ offset }) => toPoints(offset));
      }),
    });
  }

  chat({ tokens }: Pick<ChoicePart, "tokens">): LongJson<ChatLogprobs> {
    return longObject<ChatLogprobs>({ content: this.entries(tokens) });
  }

  /** One for each token, as chats and responses have them. */
  entries(tokens: Iterable<PlacedToken>): LongJson<ChatLogprobs["content"]> {
    const entryOf = ({ score }: PlacedToken) => ({
      ...this.#entry(score!.token, this.#logprobOf(score!)),
      top_logprobs: likeliest(score!.top, this.#count).map(([id, logprob]) => this.#entry(id, logprob)),
    });
    return longList(() => mapLazily(tokens, entryOf));
  }

  /** Tokens with their log p, as many as were asked for. */
  likeliest(top: Iterable<readonly [TokenId, number]>): { token: string; logprob: number }[] {
    return Array.from(top)
      .slice(0, this.#count)
      .map(([id, logprob]) => ({ token: this.#name(id), logprob: stated(logprob) }));
  }

  #entry(token: TokenId, logprob: number): { token: string; logprob: number; bytes: number[] } {
    return { token: this.#name(token), logprob: stated(logprob), bytes: [...this.#tokenizer.bytesOf(token)] };
  }

  #name(token: TokenId): string {
    let name = this.#names.get(token);
    if (name === undefined) {
      name = this.#asIds ? `token_id:${token}` : this.#tokenizer.textOf(token);
      this.#names.set(token, name);
    }
    return name;
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
