/**
 * Whether chains mixed, which acceptance does not show: signs that they did not, never a proof that they did.
 */

/** Above it, chains are said to disagree (Gelman et al., BDA3, section 11.4). */
export const agreementBound = 1.1;

/** Fewest steps in each half of a chain that give a variance worth the name. */
const fewestSteps = 2;

/**
 * Split R̂ of m chains' traces, their halves taken as 2m chains of n values x_ij:
 *
 *     W = mean_j s_j²,   B = n · var_j(x̄_j),   R̂ = √((n − 1)/n + B/(n·W))
 *
 * It nears 1 as the halves agree. Of traces of unequal lengths the last steps they all have are compared; an odd
 * one in the middle is left out. Traces that stand still at different values give ∞.
 *
 * Source: Gelman et al., Bayesian Data Analysis, 3rd edition, section 11.4.
 * @returns undefined for fewer than two chains or four common steps, and where every trace stands at the same value:
 *   then there is nothing to compare
 */
export function splitRHat(traces: readonly (readonly number[])[]): number | undefined {
  const length = Math.floor(Math.min(...traces.map((trace) => trace.length)) / 2);
  if (traces.length < 2 || length < fewestSteps) return undefined;
  const halves = traces.flatMap((trace) => [trace.slice(-2 * length).slice(0, length), trace.slice(-length)]);
  const within = mean(halves.map(variance));
  const between = length * variance(halves.map(mean));
  if (within === 0) return between === 0 ? undefined : Infinity;
  return Math.sqrt((length - 1) / length + between / (length * within));
}

/** From this entropy of the first token on, nats, the model counts as unsure of it: a tenth of the mass elsewhere. */
const unsureEntropy = 0.3;

/** So many rejected proposals of another first token say that the chain stays where it is for a reason. */
const fairTrials = 5;

/** What a chain did about its first token. */
export interface FirstTokenMoves {
  readonly steps: number;
  /** Steps that changed it, and steps that proposed another one. */
  readonly firstTokenChanges: number;
  readonly firstTokenProposals: number;
  /** Of the raw model's law of it, nats. */
  readonly firstTokenEntropy: number;
}

/**
 * Whether a chain reads as unmixed: the model was unsure of the first token, yet no step changed it and hardly any
 * proposed another. Chains that are all stuck in one place agree with each other; this shows it all the same.
 */
export function readsAsUnmixed(moves: FirstTokenMoves): boolean {
  return (
    moves.steps > 0 &&
    moves.firstTokenEntropy >= unsureEntropy &&
    moves.firstTokenChanges === 0 &&
    moves.firstTokenProposals < fairTrials
  );
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of a sample, over n − 1; exactly 0 for equal values. */
function variance(values: readonly number[]): number {
  const first = values[0]!;
  const middle = first + mean(values.map((value) => value - first));
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
}
