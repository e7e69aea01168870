/**
 * Parallel tempering: replicas on a ladder of exponents α = α_0 > α_1 > … ≥ 1, each stepped by a kernel of its own
 * target p^{α_i}, that swap completions with their neighbours. Leaves the product Π_i p(x_i)^{α_i} invariant, so the
 * first replica, the chain that answers, has p^α. A sweep of swaps goes from the hottest pair to the coldest, each
 * accepted by the ratio of the product's law after and before:
 *
 *     log r = log π_i(x_{i+1}) + log π_{i+1}(x_i) − log π_i(x_i) − log π_{i+1}(x_{i+1})
 *           = (α_i − α_{i+1})·(log p(x_{i+1}) − log p(x_i))
 *
 * A swap asks the model nothing. All replicas propose at one temperature, so that a completion brings its log Z along
 * and the memo serves them all.
 *
 * Source: Geyer, "Markov chain Monte Carlo maximum likelihood", 1991; Swendsen & Wang, Phys. Rev. Lett. 57 (1986).
 */
import { mapAsync } from "../core/map-async.ts";
import { isSame } from "./completion.ts";
import type { Completion } from "./completion.ts";
import { accepts } from "./decide.ts";
import type { Draft, DraftContext, Kernel, KernelFamily, StepContext, StepResult, Swaps } from "./kernel.ts";
import type { PowerTarget } from "./target.ts";

/** Targets of the replicas, coldest first: α_i = α^{1 − i/(n−1)}, from α down to 1. One replica is the chain alone. */
export function ladder(target: PowerTarget, replicas: number): readonly PowerTarget[] {
  const hotter = Array.from({ length: replicas - 1 }, (_, index) => ({
    ...target,
    alpha: target.alpha ** (1 - (index + 1) / (replicas - 1)),
  }));
  return [target, ...hotter];
}

/** A completion for each replica, coldest first. */
export type Replicas = readonly Completion[];

/** @param targets of the replicas, coldest first; they propose at one temperature */
export const tempering = (family: KernelFamily, targets: readonly PowerTarget[]): Kernel<Replicas> =>
  new Tempering(targets.map((target) => family(target)));

class Tempering implements Kernel<Replicas> {
  readonly start: Replicas;
  readonly rowsPerStep: number;
  /** One for each replica. */
  readonly #kernels: readonly Kernel<Completion>[];

  constructor(kernels: readonly Kernel<Completion>[]) {
    this.start = kernels.map(({ start }) => start);
    this.rowsPerStep = kernels.reduce((sum, { rowsPerStep }) => sum + rowsPerStep, 0);
    this.#kernels = kernels;
  }

  readonly answer = ([coldest]: Replicas): Completion => coldest!;

  readonly logLaw = (states: Replicas): number =>
    states.reduce((sum, state, replica) => sum + this.#kernels[replica]!.logLaw(state), 0);

  readonly draft = async (states: Replicas, context: DraftContext): Promise<Draft<Replicas>> => {
    const { length } = states;
    const drafts = await this.#each(states, context, (kernel, state, its, replica) =>
      kernel.draft(state, {
        ...its,
        candidates: (kept, branch) => context.candidates(kept, branch * length + replica),
      }),
    );
    return {
      state: moved(
        states,
        drafts.map(({ state }) => state),
      ),
      drawnTokens: drafts.reduce((sum, { drawnTokens }) => sum + drawnTokens, 0),
      isComplete: drafts.every(({ isComplete }) => isComplete),
    };
  };

  /** A step of every replica, then a sweep of swaps. */
  readonly step = async (
    states: Replicas,
    context: StepContext,
  ): Promise<StepResult<Replicas> | undefined> => {
    const results = await this.#each(states, context, (kernel, state, its) => kernel.step(state, its));
    const stepped: Completion[] = [];
    let drawnTokens = 0;
    let undecidedWidth = 0;
    for (const result of results) {
      if (result === undefined) return undefined;
      stepped.push(result.state);
      drawnTokens += result.info.drawnTokens;
      undecidedWidth += result.info.undecidedWidth ?? 0;
    }
    const swaps = this.#swap(stepped, context);
    // Written out: to copy an object and change it costs more than the swaps.
    const { outcome, cut, suffix, logRatio } = results[0]!.info;
    return {
      state: moved(states, stepped),
      info: { outcome, cut, suffix, logRatio, drawnTokens, undecidedWidth, swaps },
    };
  };

  /** Runs part of a step for each replica; of n, replica i has the branches i, i + n, i + 2n, … */
  #each<Result>(
    states: Replicas,
    context: StepContext,
    run: (
      kernel: Kernel<Completion>,
      state: Completion,
      context: StepContext,
      replica: number,
    ) => Promise<Result>,
  ): Promise<Result[]> {
    const { length } = states;
    const { horizon, draws, propose, narrow, earlyRejection, inTurn } = context;
    return mapAsync(states, inTurn, (state, replica) =>
      run(
        this.#kernels[replica]!,
        state,
        {
          horizon,
          draws: (branch) => draws(branch * length + replica),
          propose: (kept, branch) => propose(kept, branch * length + replica),
          narrow,
          earlyRejection,
          inTurn,
        },
        replica,
      ),
    );
  }

  /** Swaps in place. */
  #swap(states: Completion[], { draws }: StepContext): Swaps {
    let accepted = 0;
    let toAnswer = 0;
    for (let cold = states.length - 2; cold >= 0; cold--) {
      const logRatio = this.#logSwapRatio(states, cold);
      if (!accepts(Math.log(draws(cold).swap), logRatio)) continue;
      const colder = states[cold]!;
      const hotter = states[cold + 1]!;
      states[cold + 1] = colder;
      states[cold] = hotter;
      accepted++;
      if (cold === 0 && !isSame(colder, hotter)) toAnswer++;
    }
    return { proposed: states.length - 1, accepted, toAnswer };
  }

  #logSwapRatio(states: Replicas, cold: number): number {
    const colder = states[cold]!;
    const hotter = states[cold + 1]!;
    const lawOfColder = this.#kernels[cold]!;
    const lawOfHotter = this.#kernels[cold + 1]!;
    return (
      lawOfColder.logLaw(hotter) -
      lawOfColder.logLaw(colder) +
      (lawOfHotter.logLaw(colder) - lawOfHotter.logLaw(hotter))
    );
  }
}

/** The very same state where every replica kept its completion, as `StepResult` has it. */
const moved = (before: Replicas, after: Replicas): Replicas =>
  after.some((state, replica) => state !== before[replica]) ? after : before;
