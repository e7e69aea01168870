import { matchBudgets } from "./compute/budgets.ts";
import type { MatchedBudgets } from "./compute/budgets.ts";
import { summarizeCompute } from "./compute/curves.ts";
import type { ComputeSummary } from "./compute/curves.ts";
import { frontier } from "./compute/frontier.ts";
import type { FrontierPoint } from "./compute/frontier.ts";
import { costKinds, outcomesOf } from "./compute/outcomes.ts";
import type { CostKind } from "./compute/outcomes.ts";
import type { Group } from "./groups.ts";
import { knowledgeOf } from "./likelihood/knowledge.ts";
import type { GroupKnowledge } from "./likelihood/knowledge.ts";
import { summarize } from "./summary.ts";
import type { Summary } from "./summary.ts";

/** What answers come to at equal cost. */
export interface EqualCompute {
  readonly configurations: readonly ComputeSummary[];
  /** Where that cost is known. */
  readonly matched: Readonly<Partial<Record<CostKind, MatchedBudgets>>>;
  readonly frontiers: Readonly<Record<CostKind, readonly FrontierPoint[]>>;
}

/** Everything that a report says of answers: all of it comes from what is stored. */
export interface Analysis {
  readonly summaries: readonly Summary[];
  readonly compute: EqualCompute;
  readonly likelihood: readonly GroupKnowledge[];
}

/** @param groups paired, what others are held against first */
export function analyse(groups: readonly Group[]): Analysis {
  const outcomes = groups.map((group) => outcomesOf(group));
  const configurations = outcomes.map(summarizeCompute);
  const matched = Object.fromEntries(
    costKinds.flatMap((kind) => {
      const own = matchBudgets(outcomes, kind);
      return own === undefined ? [] : [[kind, own]];
    }),
  );
  const frontiers = Object.fromEntries(
    costKinds.map((kind) => [kind, frontier(configurations, kind)]),
  ) as unknown as EqualCompute["frontiers"];
  return {
    summaries: summarize(groups),
    compute: { configurations, matched, frontiers },
    likelihood: groups.map(knowledgeOf),
  };
}
