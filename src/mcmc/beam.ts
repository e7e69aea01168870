import type { DrawCost } from "../core/draw-cost.ts";
import { hasEnded } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import type { Candidates } from "./kernel.ts";

/**
 * What may follow `kept`, token by token as the engine goes on; over when the budget is spent.
 * @param cost to which the evaluations are added
 */
export type Grow = (kept: Completion, cost: DrawCost) => AsyncGenerator<Candidates, void, undefined>;

/** What a beam may become, itself included once it has ended. */
export interface BeamOption {
  /** Σ log p that it will have, nats. */
  readonly logprob: number;
  readonly become: () => Beam;
}

/** A beginning of a completion with Σ log p, and what draws on from there. */
export class Beam {
  readonly completion: Completion;
  readonly logprob: number;
  readonly hasEnded: boolean;
  #growth: ReturnType<Grow> | undefined;

  constructor(completion: Completion, logprob: number, growth?: ReturnType<Grow>) {
    this.completion = completion;
    this.logprob = logprob;
    this.hasEnded = hasEnded(completion);
    this.#growth = growth;
  }

  /** What may follow; `undefined` when the budget is spent. */
  async pull(grow: Grow, cost: DrawCost): Promise<Candidates | undefined> {
    this.#growth ??= grow(this.completion, cost);
    const next = await this.#growth.next();
    return next.done === true ? undefined : next.value;
  }

  /**
   * Its likeliest continuations, the likeliest first; what may not follow is none. Where the engine goes on with one of
   * them, so does what it has open.
   * @param most how many of them
   */
  continuations({ top, drawn, take }: Candidates, most: number): BeamOption[] {
    const options: BeamOption[] = [];
    for (let rank = 0; rank < Math.min(most, top.ids.length); rank++) {
      const logprob = this.logprob + top.logprobs[rank]!;
      if (logprob === -Infinity) break;
      const isDrawn = top.ids[rank] === drawn.token;
      options.push({
        logprob,
        // Taken before more is pulled, which only what goes on itself does.
        become: () =>
          isDrawn ? this.#goOn(drawn, logprob, this.#handOn()) : this.#goOn(take(rank), logprob, undefined),
      });
    }
    return options;
  }

  /** As it is, once it has ended. */
  stay(): BeamOption {
    return { logprob: this.logprob, become: () => this };
  }

  async close(): Promise<void> {
    await this.#handOn()?.return();
  }

  #goOn(token: CompletionToken, logprob: number, growth: ReturnType<Grow> | undefined): Beam {
    return new Beam([...this.completion, token], logprob, growth);
  }

  #handOn(): ReturnType<Grow> | undefined {
    const growth = this.#growth;
    this.#growth = undefined;
    return growth;
  }
}

/** Those of the largest Σ log p, the largest first; ties stay in their order. */
export const likeliestOf = (options: readonly BeamOption[], count: number): BeamOption[] =>
  options.toSorted((one, other) => other.logprob - one.logprob).slice(0, count);

export const closeAll = async (beams: readonly Beam[]): Promise<void> => {
  await Promise.allSettled(beams.map((beam) => beam.close()));
};
