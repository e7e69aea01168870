import type { ScoredToken, TokenRun } from "./tokens.ts";

export type Awaitable<Value> = Value | Promise<Value>;

/** Goes on with a value: at once, unless it is a promise. */
export function andThen<Value, Result>(
  value: Awaitable<Value>,
  goOn: (value: Value) => Result,
): Awaitable<Result> {
  return value instanceof Promise ? value.then(goOn) : goOn(value);
}

/**
 * Tokens that come run by run, as the caller pulls them. Most of a power chain's tokens are remembered, and a promise
 * for each run of them would cost more than to find them: a run that is known comes at once. Nothing is held before the
 * first pull, nor once it is over; a caller that leaves earlier disposes of it.
 */
export abstract class TokenStream<Token extends ScoredToken = ScoredToken>
  implements AsyncIterable<TokenRun<Token>>, Disposable
{
  /** The next run, of at least one token; `undefined` once it is over. One pull at a time. */
  abstract pull(): Awaitable<TokenRun<Token> | undefined>;

  /** A pull that is under way then rejects with `aborted`. */
  abstract [Symbol.dispose](): void;

  /** For callers that can await every run. Leaving early disposes of the stream. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TokenRun<Token>, void, undefined> {
    try {
      for (;;) {
        const run = await this.pull();
        if (run === undefined) return;
        yield run;
      }
    } finally {
      this[Symbol.dispose]();
    }
  }
}
