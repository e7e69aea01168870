/** Long work that waits for the thread, and how much of it has had its turn. */
let waiting: (() => void)[] = [];
let taken = 0;

/**
 * Resolves in a turn of the event loop that no other long work has: however many requests are long, what else waits for
 * the thread waits for one piece of one of them. Pieces are to take a few milliseconds.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length - taken === 1) setImmediate(takeTurn);
  });
}

function takeTurn(): void {
  const first = waiting[taken++];
  // Not one by one: taking from the front of a long array costs its length each time.
  if (taken * 2 > waiting.length) {
    waiting = waiting.slice(taken);
    taken = 0;
  }
  if (waiting.length > taken) setImmediate(takeTurn);
  first?.();
}
