import type { TokenList } from "../../core/token-list.ts";
import type { ScoredToken, TokenId, TokenIds } from "../../core/tokens.ts";
import type { GeneratedToken } from "../../decoder/completer.ts";
import type { Echo } from "./echo.ts";

/** A token with the place of its text, in UTF-16 units; without a score where it is the first of a prompt. */
export interface PlacedToken {
  readonly token: TokenId;
  readonly offset: number;
  readonly score: ScoredToken | undefined;
}

/** Tokens of a choice, as often as they are read: each is placed when it is, and none is kept. */
export interface PlacedTokens extends Iterable<PlacedToken> {
  readonly length: number;
}

class Placed implements PlacedTokens {
  readonly length: number;
  readonly #at: (index: number) => PlacedToken;

  constructor(length: number, at: (index: number) => PlacedToken) {
    this.length = length;
    this.#at = at;
  }

  *[Symbol.iterator](): Generator<PlacedToken, void, undefined> {
    for (let index = 0; index < this.length; index++) yield this.#at(index);
  }
}

export const noTokens: PlacedTokens = [];

/** Those of an echoed prompt. @param scores of all but the first */
export const promptTokens = (prompt: TokenIds, echo: () => Echo, scores: TokenList): PlacedTokens =>
  new Placed(prompt.length, (index) => ({
    token: prompt[index]!,
    offset: echo().offsets[index]!,
    score: index === 0 ? undefined : scores.at(index - 1),
  }));

/** @param start where the completion's text begins in the choice's */
export const generatedTokens = (tokens: TokenList<GeneratedToken>, start: () => number): PlacedTokens =>
  new Placed(tokens.length, (index) => {
    const score = tokens.at(index)!;
    return { token: score.token, offset: start() + score.offset, score };
  });

/** One list after the other. */
export const joined = (lists: readonly PlacedTokens[]): PlacedTokens => ({
  length: lists.reduce((sum, { length }) => sum + length, 0),
  *[Symbol.iterator]() {
    for (const list of lists) yield* list;
  },
});
