import { logSumExp } from "../core/log-sum-exp.ts";

/** Effective number of particles: (ΣW)² / ΣW², between 1 and their number. */
export function effectiveSampleSize(logWeights: readonly number[]): number {
  return Math.exp(2 * logSumExp(logWeights) - logSumExp(logWeights.map((logWeight) => 2 * logWeight)));
}

/**
 * Systematic resampling: N points at distance 1/N, the first at u/N, each choosing the particle in whose cell of the
 * cumulated normalised weights it falls. A particle of weight share s gets ⌊N·s⌋ or ⌈N·s⌉ offspring, N·s on average.
 * Those that survive keep their place, so that only copies move.
 *
 * Source: Kitagawa, "Monte Carlo filter and smoother", JCGS 5 (1996); Douc, Cappé & Moulines (2005), section 2.
 * @returns for each place the particle that stands there now
 */
export function resampleSystematically(logWeights: readonly number[], u: number): readonly number[] {
  const offspring = countOffspring(logWeights, u);
  const copies = offspring.flatMap((count, index) =>
    count > 1 ? new Array<number>(count - 1).fill(index) : [],
  );
  return offspring.map((count, index) => (count > 0 ? index : copies.pop()!));
}

function countOffspring(logWeights: readonly number[], u: number): number[] {
  const count = logWeights.length;
  const logSum = logSumExp(logWeights);
  let cumulative = 0;
  let placed = 0;
  const last = logWeights.findLastIndex((logWeight) => logWeight > -Infinity);
  return logWeights.map((logWeight, index) => {
    cumulative += Math.exp(logWeight - logSum);
    const before = placed;
    // Rounding may leave the whole a hair under 1.
    const reached = index >= last ? count : Math.ceil(count * cumulative - u);
    placed = Math.min(count, Math.max(before, reached));
    return placed - before;
  });
}

/** One that is kept, with its weight then. */
export interface Kept {
  readonly index: number;
  readonly logWeight: number;
}

/**
 * Keeps each with probability min(1, W/c): those under the threshold c by one systematic draw, with weight c then. So
 * the weight of each stays what it was on average.
 *
 * Source: Fearnhead & Clifford, JRSS B 65 (2003), section 3.
 * @param u in [0, 1)
 */
export function keepByWeight(
  logWeights: readonly number[],
  logThreshold: number,
  u: number,
): readonly Kept[] {
  let cumulative = u;
  const kept: Kept[] = [];
  for (const [index, logWeight] of logWeights.entries()) {
    if (logWeight >= logThreshold) {
      kept.push({ index, logWeight });
      continue;
    }
    const before = Math.floor(cumulative);
    cumulative += Math.exp(logWeight - logThreshold);
    if (Math.floor(cumulative) > before) kept.push({ index, logWeight: logThreshold });
  }
  return kept;
}
