import type { CostKind, Rule } from "./outcomes.ts";
import type { Estimate } from "../statistics.ts";
import type { ComputeSummary } from "./curves.ts";

/** A way of answering that nothing cheaper is as good as. */
export interface FrontierPoint {
  readonly label: string;
  readonly rule: Rule;
  readonly k: number;
  /** Of a question. */
  readonly cost: number;
  readonly accuracy: Estimate;
}

/**
 * The best accuracy at each cost: from the cheapest on, whatever is better than all that cost less. It is chosen on
 * these very questions, of many: its figures are likelier too high than too low.
 */
export function frontier(all: readonly ComputeSummary[], kind: CostKind): readonly FrontierPoint[] {
  const points = all.flatMap(({ label, costs, curves }) => {
    const cost = costs[kind]?.value;
    if (cost === undefined) return [];
    return curves.flatMap(({ rule, points: own }) =>
      own.map(({ k, estimate }): FrontierPoint => ({
        ...{ label, rule, k },
        cost: k * cost,
        accuracy: estimate,
      })),
    );
  });
  points.sort((a, b) => a.cost - b.cost || b.accuracy.value - a.accuracy.value);
  let best = -Infinity;
  return points.filter(({ accuracy: { value } }) => {
    const isBetter = value > best;
    best = Math.max(best, value);
    return isBetter;
  });
}
