/** Long work that waits for the thread. */
let waiting: (() => void)[] = [];

/**
 * Resolves in a turn of the event loop that no other long work has: however many requests are long, what else waits for
 * the thread waits for one piece of one of them. Pieces are to take a few milliseconds.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(takeTurn);
  });
}

function takeTurn(): void {
  const [first, ...others] = waiting;
  waiting = others;
  if (waiting.length > 0) setImmediate(takeTurn);
  first?.();
}
