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
 * Where log Z is known within bounds, so is each W, and selection and decision are settled one after the other. Of the
 * first token after the cut, log Z is the same in all of them and does not count.
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
import { accepts, decide, decideWithin, rejectEarly } from "./decide.ts";
import type { KernelFamily, StepContext, StepResult } from "./kernel.ts";
import { lockStep, tokensOf } from "./lock-step.ts";
import { BoundedSuffix, hasGaps, settle, suffixGap } from "./settle.ts";
import type { Bounds } from "./settle.ts";
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
  { horizon, draws, propose, narrow, earlyRejection, inTurn }: StepContext,
): Promise<StepResult<Completion> | undefined> {
  const uniforms = draws(0);
  const { cut, keptWeight, totalWeight } = chooseCut(weigh, state, uniforms.cut);
  const logU = Math.log(uniforms.accept);
  const logOld = logSuffixWeight(target, state, cut) - Math.log(totalWeight);
  const canRejectEarly = earlyRejection && weightsAreNegative(target);

  const isBounded = hasGaps(state, cut);
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
    const bound =
      logSumExp(tries.map(({ logWeight }) => logWeight)) -
      logOld +
      (isBounded ? suffixGap(state, cut + 1) : 0);
    if (!accepts(logU, bound)) return rejectEarly(state, proposal(heaviest(tries), bound));
  }
  if (!areDone()) return undefined;

  const logWeights = tries.map(({ logWeight }) => logWeight);
  if (!isBounded && !tries.some(({ completion }) => hasGaps(completion, cut))) {
    const selected = selectByLogWeight(logWeights, uniforms.select);
    const others = logWeights.filter((_, index) => index !== selected);
    const logRatio = logSumExp(logWeights) - logSumExp([...others, logOld]);
    return decide(state, proposal(tries[selected]!, logRatio), logU);
  }
  const weighed = tries.map((one) => ({
    one,
    logWeight: one.logWeight,
    suffix: new BoundedSuffix(one.completion, cut + 1),
  }));
  const old = { logWeight: logOld, suffix: new BoundedSuffix(state, cut + 1) };
  const suffixes = weighed.map(({ suffix }) => suffix);
  const settled = await settle(suffixes, () => selectWithin(weighed.map(logBounds), uniforms.select), narrow);
  const selected = settled ?? selectByLogWeight(weighed.map(logHigh), uniforms.select);
  const its = weighed[selected]!;
  const others = weighed.filter((one) => one !== its);
  const bounds = () => boundRatio(logBounds(its), others.map(logBounds), logBounds(old));
  const width = suffixes.reduce((sum, { high, low }) => sum + high - low, 0);
  const chosen = proposal(its.one, bounds().high);
  return await decideWithin(state, settled === undefined ? { ...chosen, undecidedWidth: width } : chosen, {
    logU,
    suffixes: [its.suffix, ...others.map(({ suffix }) => suffix), old.suffix],
    bounds,
    narrow,
  });
}

/** What a completion weighs within bounds: log W at the upper ones at first, and how those have come nearer since. */
interface BoundedWeight {
  readonly logWeight: number;
  readonly suffix: BoundedSuffix;
}

const logHigh = ({ logWeight, suffix }: BoundedWeight): number => logWeight + suffix.high;

const logBounds = (weight: BoundedWeight): Bounds => ({
  low: weight.logWeight + weight.suffix.low,
  high: logHigh(weight),
});

/** The index that `u` selects by weight, whatever the weights are within their bounds; `undefined` where that depends. */
function selectWithin(weights: readonly Bounds[], u: number): number | undefined {
  const selected = selectByLogWeight(
    weights.map(({ high }) => high),
    u,
  );
  /** Share of the first `count` in all, these at one end of their bounds and the others at the other. */
  const share = (count: number, end: "low" | "high", otherEnd: "low" | "high"): number => {
    const first = logSumExp(weights.slice(0, count).map((weight) => weight[end]));
    const rest = logSumExp(weights.slice(count).map((weight) => weight[otherEnd]));
    return Math.exp(first - logSumExp([first, rest]));
  };
  const isLast = selected === weights.length - 1;
  const isSure = share(selected, "high", "low") <= u && (isLast || u < share(selected + 1, "low", "high"));
  return isSure ? selected : undefined;
}

/** log r = log (Σ_{j≠J} W_j + W_J) − log (Σ_{j≠J} W_j + W(x)): monotone in each sum, whichever way. */
function boundRatio(selected: Bounds, others: readonly Bounds[], old: Bounds): Bounds {
  const ratio = (its: number, rest: number, before: number): number =>
    logSumExp([rest, its]) - logSumExp([rest, before]);
  const lowest = logSumExp(others.map(({ low }) => low));
  const highest = logSumExp(others.map(({ high }) => high));
  return {
    low: Math.min(ratio(selected.low, lowest, old.high), ratio(selected.low, highest, old.high)),
    high: Math.max(ratio(selected.high, lowest, old.low), ratio(selected.high, highest, old.low)),
  };
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
