/**
 * Long work that waits for the event loop to turn: so much of it goes on in each turn, in the order in which it came, and
 * whatever else waits for the thread is served in between.
 */
export class TurnQueue {
  readonly #perTurn: number;
  readonly #onTurn: () => void;
  #waiting: (() => void)[] = [];
  /** How many of them have gone on. */
  #taken = 0;

  /**
   * @param perTurn how many go on in one turn
   * @param onTurn called in each turn before they do
   */
  constructor(perTurn: number, onTurn: () => void = () => undefined) {
    this.#perTurn = perTurn;
    this.#onTurn = onTurn;
  }

  /** Resolves in the turn in which the caller may go on. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length - this.#taken === 1) this.#ask();
    });
  }

  #ask(): void {
    setImmediate(() => {
      this.#onTurn();
      const those = this.#waiting.slice(this.#taken, this.#taken + this.#perTurn);
      this.#taken += those.length;
      // Not each time: taking from the front of a long array costs its length.
      if (this.#taken * 2 > this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#taken);
        this.#taken = 0;
      }
      if (this.#waiting.length > this.#taken) this.#ask();
      for (const goOn of those) goOn();
    });
  }
}
