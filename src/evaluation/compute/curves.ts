import { estimate } from "../statistics.ts";
import type { Estimate } from "../statistics.ts";
import { costKinds } from "./outcomes.ts";
import type { ComputeOutcomes, CostKind, Outcome, Rule } from "./outcomes.ts";

export interface CurvePoint {
  readonly k: number;
  readonly estimate: Estimate;
}

/** What a rule comes to, by k. */
export interface Curve {
  readonly rule: Rule;
  readonly points: readonly CurvePoint[];
}

/** `ComputeOutcomes` with intervals in place of resamples, as reports have them. */
export interface ComputeSummary {
  readonly label: string;
  /** Of one answer; k answers cost k times that. Null where it is not known. */
  readonly costs: Readonly<Record<CostKind, Estimate | null>>;
  readonly curves: readonly Curve[];
  /** pass@k */
  readonly ceiling: readonly CurvePoint[];
}

export function summarizeCompute({ label, costs, strategies, ceiling }: ComputeOutcomes): ComputeSummary {
  const points = (outcomes: readonly Outcome[]): CurvePoint[] =>
    outcomes.map(({ k, accuracy }) => ({ k, estimate: estimate(accuracy) }));
  const costOf = (kind: CostKind): Estimate | null => {
    const { [kind]: cost } = costs;
    return cost === undefined ? null : estimate(cost);
  };
  return {
    label,
    costs: Object.fromEntries(costKinds.map((kind) => [kind, costOf(kind)])) as ComputeSummary["costs"],
    curves: strategies.map(({ rule, outcomes }) => ({ rule, points: points(outcomes) })),
    ceiling: points(ceiling),
  };
}
