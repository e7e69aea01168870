/** What settles the promise that the caller of an advance holds. */
export interface Pull {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Pullable {
  /** There while a caller waits for what the sequence wants next. */
  pull: Pull | undefined;
}

/** Sequences that are asked for what they want next, and do not have it yet. */
export class Pulls {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Settles when the pull ends. */
  begin(sequence: Pullable): Promise<void> {
    return new Promise((resolve, reject) => {
      sequence.pull = { resolve, reject };
      this.#count++;
    });
  }

  /** @returns the pull that was, if any, for the scheduler to settle */
  end(sequence: Pullable): Pull | undefined {
    const { pull } = sequence;
    if (pull === undefined) return undefined;
    sequence.pull = undefined;
    this.#count--;
    return pull;
  }
}
