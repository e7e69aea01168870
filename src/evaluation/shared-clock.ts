/** How long a request took. */
export interface RequestTimes {
  /** From its beginning to its end, waiting for others included. */
  readonly seconds: number;
  /** Its share of the time that passed meanwhile. */
  readonly sharedSeconds: number;
}

/**
 * Shares the time that passes among the requests under way, by the answers that each asks for: the shares of all add up
 * to the time in which any was under way, which is what a run takes. A request of many answers beside others would
 * otherwise be charged for their work, too.
 */
export class SharedClock {
  readonly #now: () => number;
  #answers = 0;
  #last = 0;
  /** Seconds that one answer has been charged since the start: ∫ dt / answers under way. */
  #perAnswer = 0;

  /** @param now milliseconds, from any start */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @returns what ends it, and tells the times */
  begin(answers: number): () => RequestTimes {
    const start = this.#advance();
    const charged = this.#perAnswer;
    this.#answers += answers;
    return () => {
      const end = this.#advance();
      this.#answers -= answers;
      return { seconds: end - start, sharedSeconds: answers * (this.#perAnswer - charged) };
    };
  }

  #advance(): number {
    const now = this.#now() / 1000;
    if (this.#answers > 0) this.#perAnswer += (now - this.#last) / this.#answers;
    this.#last = now;
    return now;
  }
}
