/** Hands values from callbacks to one async iteration, in order. */
export class EventQueue<Value> implements AsyncIterable<Value> {
  #values: Value[] = [];
  #outcome: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;
  /** Wake the writers that wait until what they pushed is taken. */
  #makeRoom: (() => void)[] = [];
  #isLeft = false;

  /** How many values wait to be read. */
  get length(): number {
    return this.#values.length;
  }

  /** Waits until the reader has taken what waits, or has left. */
  async taken(): Promise<void> {
    if (this.#isLeft || this.#values.length === 0) return;
    await new Promise<void>((resolve) => this.#makeRoom.push(resolve));
  }

  /** Whether the queue was ended or failed. */
  get isOver(): boolean {
    return this.#outcome !== undefined;
  }

  push(value: Value): void {
    this.#values.push(value);
    this.#wake?.();
  }

  end(): void {
    this.#outcome ??= {};
    this.#wake?.();
  }

  /** Ends the iteration with an error. What was pushed before is still delivered. */
  fail(error: unknown): void {
    this.#outcome ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Value, void, undefined> {
    try {
      for (;;) {
        while (this.#values.length > 0) {
          // All at once: taking them from the front of a long array one by one costs its length each time.
          const values = this.#values;
          this.#values = [];
          this.#wakeWriters();
          // Not `yield*`, which would wait for each value by way of an iterator of its own.
          for (const value of values) yield value;
        }
        if (this.#outcome !== undefined) {
          if ("error" in this.#outcome) throw this.#outcome.error;
          return;
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    } finally {
      this.#isLeft = true;
      this.#wakeWriters();
    }
  }

  #wakeWriters(): void {
    const waiting = this.#makeRoom;
    this.#makeRoom = [];
    for (const wake of waiting) wake();
  }
}
