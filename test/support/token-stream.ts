import { TokenStream, andThen } from "../../src/core/token-stream.ts";
import type { Awaitable } from "../../src/core/token-stream.ts";
import type { ScoredToken, TokenRun } from "../../src/core/tokens.ts";

type Runs<Token extends ScoredToken> =
  Generator<TokenRun<Token>, void, undefined> | AsyncGenerator<TokenRun<Token>, void, undefined>;

/** What a completer yields; at once where that is no promise. */
export class GeneratedStream<Token extends ScoredToken> extends TokenStream<Token> {
  readonly #runs: Runs<Token>;

  constructor(runs: Runs<Token>) {
    super();
    this.#runs = runs;
  }

  override pull(): Awaitable<TokenRun<Token> | undefined> {
    return andThen<IteratorResult<TokenRun<Token>, void>, TokenRun<Token> | undefined>(
      this.#runs.next(),
      ({ value }) => value ?? undefined,
    );
  }

  override [Symbol.dispose](): void {
    void this.#runs.return();
  }
}
