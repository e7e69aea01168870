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
import { isComplete, isSame } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import { chooseCut } from "./cut.ts";
import type { CutWeight } from "./cut.ts";
import type { Kernel } from "./kernel.ts";
import { lockStep, tokensOf } from "./lock-step.ts";
import { logSuffixWeight, logWeight, weightsAreNegative } from "./target.ts";

/** A try as far as it was drawn. */
interface Try {
  readonly completion: CompletionToken[];
  logSuffixWeight: number;
  cutWeight: number;
}

/** log W up to the weight of the cut itself, which all tries and the state share. */
const logWeightOf = (drawn: Try): number => drawn.logSuffixWeight - Math.log(drawn.cutWeight);

/** @param inTurn see `lockStep` */
export function multipleTry(weigh: CutWeight, count: number, inTurn = false): Kernel {
  return async (state, { target, horizon, draws, propose, earlyRejection }) => {
    const { cut, keptWeight, totalWeight } = chooseCut(weigh, state, draws.cut);
    const logU = Math.log(draws.accept);
    const logOld = logSuffixWeight(target, state, cut) - Math.log(totalWeight);
    const canRejectEarly = earlyRejection && weightsAreNegative(target);
    const tries = Array.from({ length: count }, (): Try => ({
      completion: state.slice(0, cut),
      logSuffixWeight: 0,
      cutWeight: keptWeight,
    }));
    const drawnTokens = (): number => tries.reduce((sum, { completion }) => sum + completion.length - cut, 0);
    const isDone = ({ completion }: Try): boolean => isComplete(completion, horizon);

    const proposals = tries.map((_, attempt) => tokensOf(propose(cut, attempt)));
    for await (const round of lockStep(proposals, inTurn)) {
      for (const { index, value: token } of round) {
        const drawn = tries[index]!;
        drawn.completion.push(token);
        drawn.logSuffixWeight += logWeight(target, token);
        drawn.cutWeight += weigh(drawn.completion, drawn.completion.length - 1);
      }
      if (!canRejectEarly || tries.every(isDone)) continue;
      // W only falls from here, and r ≤ Σ_j W(y_j) / W(x).
      const bound = logSumExp(tries.map(logWeightOf)) - logOld;
      if (bound <= logU) {
        const longest = likeliest(tries);
        return {
          state,
          info: {
            outcome: "rejected_early",
            cut,
            suffix: longest.slice(cut),
            drawnTokens: drawnTokens(),
            logRatio: bound,
          },
        };
      }
    }
    if (!tries.every(isDone)) return { state, info: undefined };

    const logWeights = tries.map(logWeightOf);
    const selected = selectByLogWeight(logWeights, draws.select);
    const others = logWeights.filter((_, index) => index !== selected);
    const logRatio = logSumExp(logWeights) - logSumExp([...others, logOld]);
    const proposal = tries[selected]!.completion;
    const info = { cut, suffix: proposal.slice(cut), drawnTokens: drawnTokens(), logRatio };
    if (isSame(state, proposal)) return { state, info: { outcome: "unchanged", ...info } };
    if (!(logU < logRatio)) return { state, info: { outcome: "rejected", ...info } };
    return { state: proposal, info: { outcome: "accepted", ...info } };
  };
}

/** The try of the largest weight so far. */
function likeliest(tries: readonly Try[]): Completion {
  return tries.reduce((best, drawn) => (logWeightOf(drawn) > logWeightOf(best) ? drawn : best)).completion;
}
