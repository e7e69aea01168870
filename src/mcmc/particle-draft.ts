/**
 * Drafts a completion by particles, one of which is drawn at the end. Each step considers all likely continuations of
 * every particle, v with its weight
 *
 *     log W(xv) = log W(x) + α·log p(v | x)
 *
 * and keeps each with probability min(1, N·W/ΣW), by one systematic draw. One that is kept for certain keeps its weight,
 * another has ΣW/N, which is W over the probability. At most N are kept: where the model is sure a single one, where it
 * is not as many as there are continuations worth telling apart. Of what is less likely than the candidates that the
 * engine tells, the token that q drew stands for all: log W(xv) = log W(x) + w_v. Hence, whatever N,
 *
 *     E[ΣW · 1{answer = x}] = p(x)^α
 *
 * and the answer's law tends to p^α as N grows. N = 1 draws token by token from p_t^α.
 *
 * Beginnings that differ early and go on alike are told apart in vain: of those that end in the same three tokens one
 * is left, drawn by weight, with the weight of them all. That leaves the expectation as it is.
 *
 * Source: Fearnhead & Clifford, "On-line inference for hidden Markov models via particle filters", JRSS B 65 (2003),
 * whose threshold c is here ΣW/N, so that fewer are kept where few matter.
 */
import { logSumExp, selectByLogWeight } from "../core/log-sum-exp.ts";
import { mapAsync } from "../core/map-async.ts";
import { isComplete } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import type { Candidates, Draft, KernelFamily, DraftContext } from "./kernel.ts";
import { keepByWeight } from "./resampling.ts";
import { logWeight } from "./target.ts";
import type { PowerTarget } from "./target.ts";

/** The same kernels, whose completions are drafted by so many particles at most. */
export const draftedByParticles =
  (family: KernelFamily, particles: number): KernelFamily =>
  (target) => ({
    ...family(target),
    draft: async (state, context) => {
      const { grown, ...rest } = await growParticles(state, { target, particles }, context);
      const answer = grown[selectByLogWeight(weightsOf(grown), context.draws(0).select)]!.completion;
      return { ...rest, state: answer };
    },
  });

export interface ParticleOptions {
  readonly target: PowerTarget;
  /** Most that are kept. */
  readonly particles: number;
}

/** A beginning of a completion, with its weight. */
export interface WeighedCompletion {
  readonly completion: Completion;
  readonly logWeight: number;
}

/** Particles at their ends, or as far as the budget let them grow. */
export interface GrownParticles extends Omit<Draft<Completion>, "state"> {
  readonly grown: readonly WeighedCompletion[];
}

/** Grows particles from a completion. */
export async function growParticles(
  start: Completion,
  { target, particles: most }: ParticleOptions,
  context: DraftContext,
): Promise<GrownParticles> {
  const { horizon, draws, inTurn } = context;
  let particles: readonly Particle[] = [new Particle(start, 0)];
  let drawnTokens = 0;
  try {
    for (let length = start.length + 1; ; length++) {
      const growing = particles.filter(({ completion }) => !isComplete(completion, horizon));
      if (growing.length === 0) return { grown: particles, drawnTokens, isComplete: true };
      const pulled = await mapAsync(growing, inTurn, (particle) => particle.pull(context));
      const candidates = pulled.flatMap((next) => next ?? []);
      drawnTokens += candidates.length;
      if (candidates.length < growing.length) return { grown: particles, drawnTokens, isComplete: false };
      const waiting = particles.filter((particle) => !growing.includes(particle));
      const options = [
        ...waiting.map((particle) => particle.asItIs()),
        ...growing.flatMap((particle, index) => particle.continuations(candidates[index]!, target)),
      ];
      const { select, accept } = draws(length);
      const kept = keepByWeight(weightsOf(options), most, select);
      const after = kept.map(({ index, logWeight }) => options[index]!.become(logWeight));
      particles = recombine(after, horizon, accept);
      await closeAll([...growing, ...after.filter((particle) => !particles.includes(particle))]);
    }
  } finally {
    await closeAll(particles);
  }
}

/** Two particles that end in as many tokens alike go on alike, by and large. */
const recombined = 3;

/** Leaves one of those that go on alike, drawn by weight, with the weight of them all. */
function recombine(particles: readonly Particle[], horizon: number, u: number): readonly Particle[] {
  const groups = new Map<string, Particle[]>();
  for (const [index, particle] of particles.entries()) {
    const { completion } = particle;
    const key = isComplete(completion, horizon)
      ? `whole ${index}`
      : completion
          .slice(-recombined)
          .map(({ token }) => token)
          .join();
    groups.set(key, [...(groups.get(key) ?? []), particle]);
  }
  return Array.from(groups.values(), (alike) => {
    if (alike.length === 1) return alike[0]!;
    const logWeights = weightsOf(alike);
    return alike[selectByLogWeight(logWeights, u)]!.weighing(logSumExp(logWeights));
  });
}

const weightsOf = (weighed: readonly Pick<WeighedCompletion, "logWeight">[]): number[] =>
  weighed.map(({ logWeight }) => logWeight);

/** What a particle may become. */
interface Option {
  readonly logWeight: number;
  readonly become: (logWeight: number) => Particle;
}

/** A beginning of a completion with its weight, and what draws on from there. */
class Particle implements WeighedCompletion {
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

  /** What may follow; `undefined` when the budget is spent. */
  async pull({ candidates }: DraftContext): Promise<Candidates | undefined> {
    this.#growth ??= candidates(this.completion, 0);
    const next = await this.#growth.next();
    return next.done === true ? undefined : next.value;
  }

  asItIs(): Option {
    return {
      logWeight: this.logWeight,
      become: (logWeight) => this.weighing(logWeight),
    };
  }

  continuations({ top, drawn, take }: Candidates, target: PowerTarget): Option[] {
    const options = Array.from(top.ids, (id, rank): Option => ({
      logWeight: this.logWeight + target.alpha * top.logprobs[rank]!,
      become: (logWeight) =>
        id === drawn.token ? this.#goOn(drawn, logWeight) : this.#branch(take(rank), logWeight),
    }));
    if (top.ids.includes(drawn.token)) return options;
    const rest: Option = {
      logWeight: this.logWeight + logWeight(target, drawn),
      become: (logWeight) => this.#goOn(drawn, logWeight),
    };
    return [...options, rest];
  }

  /** Where q goes on, what draws from it does. */
  #goOn(token: CompletionToken, logWeight: number): Particle {
    const growth = this.#growth;
    this.#growth = undefined;
    return new Particle([...this.completion, token], logWeight, growth);
  }

  #branch(token: CompletionToken, logWeight: number): Particle {
    return new Particle([...this.completion, token], logWeight);
  }

  /** The same with another weight; this one is over. */
  weighing(logWeight: number): Particle {
    const growth = this.#growth;
    this.#growth = undefined;
    return new Particle(this.completion, logWeight, growth);
  }

  async close(): Promise<void> {
    await this.#growth?.return();
  }
}

const closeAll = async (particles: readonly Particle[]): Promise<void> => {
  await Promise.allSettled(particles.map((particle) => particle.close()));
};
