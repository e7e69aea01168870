import type { ScoredToken } from "./tokens.ts";

/** Tokens in order: an array, or one of which a token is made when it is read. */
export interface TokenList<Token extends ScoredToken = ScoredToken> extends Iterable<Token> {
  readonly length: number;
  at(index: number): Token | undefined;
}
