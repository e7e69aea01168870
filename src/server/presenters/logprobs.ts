import type { ScoredToken, TokenId, TopTokens } from "../../core/tokens.ts";
import type { Tokenizer } from "../../decoder/generator.ts";
import type { LegacyLogprobs } from "../schemas/completions.ts";

/** JSON has no −∞; this is what vLLM writes for it. */
const lowestLogprob = -9999;

export const finite = (logprob: number): number => (Number.isFinite(logprob) ? logprob : lowestLogprob);

/** A token with the place of its text, in UTF-16 units; without a score where it is the first of a prompt. */
export interface PlacedToken {
  readonly token: TokenId;
  readonly offset: number;
  readonly score: ScoredToken | undefined;
}

/**
 * Log-probs in the shape of the legacy completions API. `top_logprobs` holds the token itself first, then the k
 * likeliest, so up to k + 1 entries, and the very same numbers as `token_logprobs`.
 */
export class LogprobPresenter {
  readonly #tokenizer: Tokenizer;
  readonly #asIds: boolean;
  readonly #count: number;

  constructor(tokenizer: Tokenizer, options: { asIds: boolean; count: number }) {
    this.#tokenizer = tokenizer;
    this.#asIds = options.asIds;
    this.#count = options.count;
  }

  /** @param text the text that the offsets point into */
  present(tokens: readonly PlacedToken[], text: string): LegacyLogprobs {
    const offsets = codePointOffsets(
      text,
      tokens.map(({ offset }) => offset),
    );
    return {
      tokens: tokens.map(({ token }) => this.#name(token)),
      token_logprobs: tokens.map(({ score }) => (score === undefined ? null : finite(score.logprob))),
      top_logprobs: tokens.map(({ score }) => (score === undefined ? null : this.#top(score))),
      text_offset: offsets,
    };
  }

  #name(token: TokenId): string {
    return this.#asIds ? `token_id:${token}` : this.#tokenizer.textOf(token);
  }

  #top({ token, logprob, top }: ScoredToken): Record<string, number> {
    const entries: Record<string, number> = { [this.#name(token)]: finite(logprob) };
    for (const [id, alternative] of likeliest(top, this.#count))
      entries[this.#name(id)] ??= finite(alternative);
    return entries;
  }
}

function likeliest(top: TopTokens | undefined, count: number): [TokenId, number][] {
  if (top === undefined) return [];
  return Array.from(top.ids.subarray(0, count), (id, rank) => [id, top.logprobs[rank]!]);
}

/** Clients count characters as code points, JavaScript as UTF-16 units. Offsets must ascend. */
function codePointOffsets(text: string, offsets: readonly number[]): number[] {
  let units = 0;
  let points = 0;
  return offsets.map((offset) => {
    while (units < offset && units < text.length) {
      units += text.codePointAt(units)! > 0xffff ? 2 : 1;
      points++;
    }
    return points;
  });
}
