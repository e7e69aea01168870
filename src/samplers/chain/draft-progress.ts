import type { Candidates } from "../../mcmc/kernel.ts";

/** How far the particles have come that draft a block. */
export interface Drafted {
  /** Tokens of the longest completion that they have begun. */
  readonly tokens: number;
  /** Most that it may have. */
  readonly horizon: number;
}

/** Tells whoever waits for a draft how far its particles are. */
export class DraftProgress {
  #drafted: Drafted = { tokens: 0, horizon: 0 };
  #told: Drafted = this.#drafted;
  #wake: (() => void) | undefined;

  /** Hands on what a particle of `kept` tokens draws. */
  async *follow(
    drawn: AsyncGenerator<Candidates, void, undefined>,
    { tokens: kept, horizon }: Drafted,
  ): AsyncGenerator<Candidates, void, undefined> {
    let tokens = kept;
    for await (const candidates of drawn) {
      tokens++;
      if (tokens > this.#drafted.tokens) {
        this.#drafted = { tokens, horizon };
        this.#wake?.();
      }
      yield candidates;
    }
  }

  /** How far they are, each time that they have come further, until what they draft for is there or has failed. */
  async *until(event: Promise<unknown>): AsyncGenerator<Drafted, void, undefined> {
    const isOver = event.then(
      () => true,
      () => true,
    );
    for (;;) {
      const further = new Promise<false>((resolve) => {
        this.#wake = () => {
          resolve(false);
        };
      });
      if (this.#told === this.#drafted) {
        if (await Promise.race([isOver, further])) return;
      } else {
        this.#told = this.#drafted;
        yield this.#told;
      }
    }
  }
}
