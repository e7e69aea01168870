/**
 * Resample a suffix from several tries. Leaves π(x) ∝ p(x)^α over completions of the horizon invariant, and is
 * reversible.
 *
 * State x; cut c drawn from g(c|x); k suffixes y_1..y_k drawn from q after the kept tokens, each to its own end. The
 * weight of a completion y that shares them, up to what all such completions share:
 *
 *     log W(y) = Σ_{t>c} w_t(y) + log g(c|y)
 *
 * One try J is selected with probability ∝ W, and accepted when log u < log r with
 *
 *     r = Σ_j W(y_j) / (Σ_{j≠J} W(y_j) + W(x))
 *
 * Since q does not depend on the suffix that is replaced, the tries not selected are themselves the reference set of
 * the way back: no further draws are needed. With k = 1 it is the single try. The tries run in lock-step, in the same
 * passes.
 *
 * Source: Liu, Liang & Wong, "The multiple-try method and local optimization in Metropolis sampling", JASA 95 (2000);
 * for independent proposals Martino, "A review of multiple try MCMC algorithms for signal processing", arXiv
 * 1801.09065.
 */
import { logSumExp, selectByLogWeight } from "../core/log-sum-exp.ts";
import { AsRecorded } from "./as-recorded.ts";
import { isComplete } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import { powerLaw } from "./completions.ts";
import { chooseCut } from "./cut.ts";
import type { CutWeight } from "./cut.ts";
import { accepts, decide, rejectEarly } from "./decide.ts";
import type { KernelFamily, StepContext, StepResult } from "./kernel.ts";
import { lockStep, tokensOf } from "./lock-step.ts";
import { logSuffixWeight, logWeight, weightsAreNegative } from "./target.ts";
import type { PowerTarget } from "./target.ts";

export function multipleTry(weigh: CutWeight, count: number): KernelFamily {
  return (target) => ({
    ...powerLaw(target),
    rowsPerStep: count,
    step: (state, context) => resample(state, { weigh, count, target }, context),
  });
}

interface TryOptions {
  readonly weigh: CutWeight;
  readonly count: number;
  readonly target: PowerTarget;
}

async function resample(
  state: Completion,
  { weigh, count, target }: TryOptions,
  { horizon, draws, propose, earlyRejection, inTurn }: StepContext,
): Promise<StepResult<Completion> | undefined> {
  const uniforms = draws(0);
  const { cut, keptWeight, totalWeight } = chooseCut(weigh, state, uniforms.cut);
  const logU = Math.log(uniforms.accept);
  const logOld = logSuffixWeight(target, state, cut) - Math.log(totalWeight);
  const canRejectEarly = earlyRejection && weightsAreNegative(target);

  const kept = state.slice(0, cut);
  const tries = Array.from({ length: count }, () => new Try(kept, keptWeight, new AsRecorded(state, cut)));
  const proposal = (selected: Try, logRatio: number) => ({
    completion: selected.completion,
    cut,
    drawnTokens: tries.reduce((sum, { completion }) => sum + completion.length - cut, 0),
    logRatio,
  });
  const areDone = (): boolean => tries.every(({ completion }) => isComplete(completion, horizon));

  const proposals = tries.map((_, attempt) => tokensOf(propose(kept, attempt)));
  for await (const round of lockStep(proposals, inTurn)) {
    for (const { index, value: token } of round) tries[index]!.push(token, target, weigh);
    if (!canRejectEarly || areDone()) continue;
    // W only falls from here, and r ≤ Σ_j W(y_j) / W(x).
    const bound = logSumExp(tries.map(({ logWeight }) => logWeight)) - logOld;
    if (!accepts(logU, bound)) return rejectEarly(state, proposal(heaviest(tries), bound));
  }
  if (!areDone()) return undefined;

  const logWeights = tries.map(({ logWeight }) => logWeight);
  const selected = selectByLogWeight(logWeights, uniforms.select);
  const others = logWeights.filter((_, index) => index !== selected);
  const logRatio = logSumExp(logWeights) - logSumExp([...others, logOld]);
  return decide(state, proposal(tries[selected]!, logRatio), logU);
}

/** A try as far as it was drawn. */
class Try {
  readonly completion: CompletionToken[];
  #logSuffixWeight = 0;
  #cutWeight: number;
  readonly #along: AsRecorded;

  constructor(kept: Completion, keptWeight: number, along: AsRecorded) {
    this.#along = along;
    this.completion = [...kept];
    this.#cutWeight = keptWeight;
  }

  push(drawn: CompletionToken, target: PowerTarget, weigh: CutWeight): void {
    const token = this.#along.take(drawn);
    this.completion.push(token);
    this.#logSuffixWeight += logWeight(target, token);
    this.#cutWeight += weigh(this.completion, this.completion.length - 1);
  }

  /** log W up to the weight of the cut itself, which all tries and the state share. */
  get logWeight(): number {
    return this.#logSuffixWeight - Math.log(this.#cutWeight);
  }
}

const heaviest = (tries: readonly Try[]): Try =>
  tries.reduce((best, drawn) => (drawn.logWeight > best.logWeight ? drawn : best));
