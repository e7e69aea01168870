/**
 * Parallel tempering: replicas on a ladder of exponents α = α_0 > α_1 > … ≥ 1, each stepped by a kernel of its own
 * target p^{α_i}, that swap completions with their neighbours. Leaves the product Π_i p(x_i)^{α_i} invariant, so the
 * first replica, the chain that answers, has p^α. A sweep of swaps goes from the hottest pair to the coldest, each
 * accepted when log u < log r:
 *
 *     log r = (α_i − α_{i+1})·(log p(x_{i+1}) − log p(x_i))
 *
 * A swap asks the model nothing. All replicas propose at one temperature, so that a completion brings its log Z along
 * and the memo serves them all.
 *
 * Source: Geyer, "Markov chain Monte Carlo maximum likelihood", 1991; Swendsen & Wang, Phys. Rev. Lett. 57 (1986).
 */
import type { TokenStream } from "../core/token-stream.ts";
import { mapAsync } from "../core/map-async.ts";
import { logProbability } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import type { Kernel, StepDraws, StepInfo } from "./kernel.ts";
import type { PowerTarget } from "./target.ts";

/** Targets of the replicas, coldest first: α_i = α^{1 − i/(n−1)}, from α down to 1. One replica is the chain alone. */
export function ladder(target: PowerTarget, replicas: number): readonly [PowerTarget, ...PowerTarget[]] {
  const hotter = Array.from({ length: replicas - 1 }, (_, index) => ({
    ...target,
    alpha: target.alpha ** (1 - (index + 1) / (replicas - 1)),
  }));
  return [target, ...hotter];
}

/** Swaps proposed and accepted. */
export interface Swaps {
  readonly proposed: number;
  readonly accepted: number;
}

export interface ReplicaContext {
  /** One per replica, coldest first. */
  readonly targets: readonly PowerTarget[];
  readonly kernel: Kernel;
  readonly horizon: number;
  readonly draws: (replica: number) => StepDraws;
  readonly propose: (replica: number, cut: number, attempt: number) => TokenStream<CompletionToken>;
  readonly earlyRejection: boolean;
  /** See `mapAsync`; side by side when left out. */
  readonly inTurn?: boolean;
}

export interface ReplicaStep {
  readonly states: readonly Completion[];
  /** What the kernel did to the first replica, before the swaps. */
  readonly info: StepInfo;
  /** Tokens drawn for the proposals of all replicas. */
  readonly drawnTokens: number;
  readonly swaps: Swaps;
}

/** One step of every replica and a sweep of swaps; `undefined` when the budget ran out: the step did not happen. */
export async function stepReplicas(
  states: readonly Completion[],
  context: ReplicaContext,
): Promise<ReplicaStep | undefined> {
  const { targets, kernel, horizon, earlyRejection, inTurn = false } = context;
  const draws = states.map((_, replica) => context.draws(replica));
  const results = await mapAsync(states, inTurn, (state, replica) =>
    kernel(state, {
      target: targets[replica]!,
      horizon,
      draws: draws[replica]!,
      propose: (cut, attempt = 0) => context.propose(replica, cut, attempt),
      earlyRejection,
    }),
  );
  let drawnTokens = 0;
  for (const { info } of results) {
    if (info === undefined) return undefined;
    drawnTokens += info.drawnTokens ?? info.suffix.length;
  }
  const { states: swapped, swaps } = swapReplicas(
    results.map(({ state }) => state),
    targets,
    draws,
  );
  return { states: swapped, info: results[0]!.info!, drawnTokens, swaps };
}

function swapReplicas(
  before: readonly Completion[],
  targets: readonly PowerTarget[],
  draws: readonly StepDraws[],
): { states: readonly Completion[]; swaps: Swaps } {
  const states = [...before];
  let accepted = 0;
  for (let cold = states.length - 2; cold >= 0; cold--) {
    const [colder, hotter] = [states[cold]!, states[cold + 1]!];
    const gap = targets[cold]!.alpha - targets[cold + 1]!.alpha;
    const logRatio = gap * (logProbability(hotter) - logProbability(colder));
    if (!(Math.log(draws[cold]!.swap) < logRatio)) continue;
    [states[cold], states[cold + 1]] = [hotter, colder];
    accepted++;
  }
  return { states, swaps: { proposed: states.length - 1, accepted } };
}
