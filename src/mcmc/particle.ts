import { isComplete } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import type { Candidates, DraftContext } from "./kernel.ts";
import { logWeight } from "./target.ts";
import type { PowerTarget } from "./target.ts";

/** What a particle may become. */
export interface Continuation {
  /** Tokens it will have. */
  readonly length: number;
  readonly ends: boolean;
  readonly logWeight: number;
  readonly become: (logWeight: number) => Particle;
}

/** A beginning of a completion with its weight, and what draws on from there. */
export class Particle {
  readonly completion: Completion;
  readonly logWeight: number;
  #growth: AsyncGenerator<Candidates, void, undefined> | undefined;

  constructor(
    completion: Completion,
    logWeight: number,
    growth?: AsyncGenerator<Candidates, void, undefined>,
  ) {
    this.completion = completion;
    this.logWeight = logWeight;
    this.#growth = growth;
  }

  get length(): number {
    return this.completion.length;
  }

  get ends(): boolean {
    return isComplete(this.completion, Infinity);
  }

  /**
   * What may follow; `undefined` when the budget is spent.
   * @param branch by whose uniforms it draws, unless it already does
   */
  async pull({ candidates }: DraftContext, branch: number): Promise<Candidates | undefined> {
    this.#growth ??= candidates(this.completion, branch);
    const next = await this.#growth.next();
    return next.done === true ? undefined : next.value;
  }

  continuations({ top, drawn, take }: Candidates, target: PowerTarget): Continuation[] {
    const goOn = (logWeight: number): Particle => this.#goOn(drawn, logWeight);
    const options = Array.from(top.ids, (id, rank): Continuation => {
      // Taken before more is pulled, which only what goes on itself does.
      const token = id === drawn.token ? drawn : take(rank);
      return {
        length: this.length + 1,
        ends: token.ends === true,
        logWeight: this.logWeight + target.alpha * token.logprob,
        become: token === drawn ? goOn : (logWeight) => new Particle([...this.completion, token], logWeight),
      };
    });
    if (top.ids.includes(drawn.token)) return options;
    const rest: Continuation = {
      length: this.length + 1,
      ends: drawn.ends === true,
      logWeight: this.logWeight + logWeight(target, drawn),
      become: goOn,
    };
    return [...options, rest];
  }

  /** The same with another weight; this one is over. */
  weighing(logWeight: number): Particle {
    return new Particle(this.completion, logWeight, this.#handOn());
  }

  async close(): Promise<void> {
    await this.#handOn()?.return();
  }

  /** Where q goes on, what draws from it does. */
  #goOn(token: CompletionToken, logWeight: number): Particle {
    return new Particle([...this.completion, token], logWeight, this.#handOn());
  }

  #handOn(): AsyncGenerator<Candidates, void, undefined> | undefined {
    const growth = this.#growth;
    this.#growth = undefined;
    return growth;
  }
}

export const closeAll = async (particles: readonly Particle[]): Promise<void> => {
  await Promise.allSettled(particles.map((particle) => particle.close()));
};
