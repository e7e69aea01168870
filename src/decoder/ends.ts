import type { ScoredToken, TokenId, TokenRun } from "../core/tokens.ts";
import type { CompletionToken } from "../mcmc/completion.ts";
import { StopMatcher } from "./stop-matcher.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What ends a completion: an end token, or the token that completes a stop string. Both are absorbing. */
export class Ends {
  readonly tokens: ReadonlySet<TokenId>;
  readonly #stops: readonly string[];
  readonly #tokenizer: Tokenizer;

  constructor(tokens: ReadonlySet<TokenId>, stops: readonly string[], tokenizer: Tokenizer) {
    this.tokens = tokens;
    this.#stops = stops;
    this.#tokenizer = tokenizer;
  }

  /** Marks the token after `kept` that ends the completion, and stops pulling there. */
  async *mark(
    kept: readonly ScoredToken[],
    runs: AsyncIterable<TokenRun>,
  ): AsyncGenerator<TokenRun<CompletionToken>, void, undefined> {
    const completesStop = this.#scan(kept);
    for await (const run of runs) {
      const last = run.findIndex(({ token }) => this.tokens.has(token) || completesStop(token));
      if (last < 0) {
        yield run;
        continue;
      }
      yield [...run.slice(0, last), { ...run[last]!, ends: true }];
      return;
    }
  }

  /** A test for the tokens that follow `kept`, to be asked of each in turn. */
  #scan(kept: readonly ScoredToken[]): (token: TokenId) => boolean {
    if (this.#stops.length === 0) return () => false;
    const decoding = this.#tokenizer.stream();
    const matcher = new StopMatcher(this.#stops);
    const completes = (token: TokenId): boolean => matcher.push(decoding.push(token)).stop !== undefined;
    for (const { token } of kept) completes(token);
    return completes;
  }
}
