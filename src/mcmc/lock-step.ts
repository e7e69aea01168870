/** A value that one of several iterations came to in a round. */
export interface Pulled<Value> {
  /** Which of them. */
  readonly index: number;
  readonly value: Value;
}

/**
 * Pulls several iterations one value each, round by round, so that an engine can run them in the same passes. A
 * round holds those that had a value; the last round is the last that was not empty. Leaving early closes them all.
 */
export async function* lockStep<Value>(
  iterables: readonly AsyncIterable<Value>[],
): AsyncGenerator<readonly Pulled<Value>[], void, undefined> {
  const iterators = iterables.map((iterable) => iterable[Symbol.asyncIterator]());
  let live = iterators.map((_, index) => index);
  try {
    while (live.length > 0) {
      const pulled = await Promise.all(
        live.map(async (index) => ({ index, result: await iterators[index]!.next() })),
      );
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
