/**
 * Long work that waits for the event loop to turn: so much of it goes on in each turn, and whatever else waits for the
 * thread is served in between. Clients take turns, and the works of one go on in the order in which they came: however
 * many one client has, another waits for one of them.
 */
export class TurnQueue {
  readonly #isTurnOver: () => boolean;
  readonly #onTurn: () => void;
  /** By client; never empty lists. The client that was served last stands last. */
  readonly #waiting = new Map<string | undefined, (() => void)[]>();
  /** Whether a turn was asked for, or is being had. */
  #isAtWork = false;

  /**
   * @param isTurnOver asked after each that went on, and all that it did: whether the others wait for the next turn
   * @param onTurn called in each turn before any goes on
   */
  constructor(isTurnOver: () => boolean, onTurn: () => void = () => undefined) {
    this.#isTurnOver = isTurnOver;
    this.#onTurn = onTurn;
  }

  /** Resolves in the turn in which the caller may go on. */
  next(client?: string): Promise<void> {
    return new Promise((resolve) => {
      const queue = this.#waiting.get(client);
      if (queue === undefined) this.#waiting.set(client, [resolve]);
      else queue.push(resolve);
      if (!this.#isAtWork) this.#askForTurn();
    });
  }

  #askForTurn(): void {
    this.#isAtWork = true;
    setImmediate(() => {
      this.#onTurn();
      this.#letOneGoOn();
    });
  }

  #letOneGoOn(): void {
    for (const [client, queue] of this.#waiting) {
      const goOn = queue.shift()!;
      this.#waiting.delete(client);
      if (queue.length > 0) this.#waiting.set(client, queue);
      goOn();
      break;
    }
    // A tick that a promise's reaction asks for comes when all that the one above goes on to do in this turn is done.
    queueMicrotask(() => {
      process.nextTick(() => {
        if (this.#waiting.size === 0) this.#isAtWork = false;
        else if (this.#isTurnOver()) this.#askForTurn();
        else this.#letOneGoOn();
      });
    });
  }
}
