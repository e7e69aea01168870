import { mapAsync } from "../core/map-async.ts";
import type { TokenStream } from "../core/token-stream.ts";
import type { ScoredToken } from "../core/tokens.ts";

/**
 * One token a pull, however many are known: what is pulled side by side is weighed against each other token by token,
 * and must not depend on what is remembered.
 */
export async function* tokensOf<Token extends ScoredToken>(
  stream: TokenStream<Token>,
): AsyncGenerator<Token, void, undefined> {
  for await (const run of stream) yield* run;
}

/** A value that one of several iterations came to in a round. */
export interface Pulled<Value> {
  /** Which of them. */
  readonly index: number;
  readonly value: Value;
}

/**
 * Pulls several iterations one value each, round by round, so that an engine can run them in the same passes. A round
 * holds those that had a value; the last round is the last that was not empty. Leaving early closes all iterations.
 * @param inTurn whether one is pulled after the other, for the sake of a budget: see `mapAsync` in core/map-async.ts
 */
export async function* lockStep<Value>(
  iterables: readonly AsyncIterable<Value>[],
  inTurn: boolean,
): AsyncGenerator<readonly Pulled<Value>[], void, undefined> {
  const iterators = iterables.map((iterable) => iterable[Symbol.asyncIterator]());
  let live = iterators.map((_, index) => index);
  try {
    while (live.length > 0) {
      const pulled = await mapAsync(live, inTurn, async (index) => ({
        index,
        result: await iterators[index]!.next(),
      }));
      const round = pulled.flatMap(({ index, result }) =>
        result.done === true ? [] : [{ index, value: result.value }],
      );
      live = round.map(({ index }) => index);
      if (round.length > 0) yield round;
    }
  } finally {
    await Promise.allSettled(iterators.map(async (iterator) => iterator.return?.()));
  }
}
