import { InferenceError } from "../../core/errors.ts";
import { outcomesOf } from "../compute/outcomes.ts";
import type { ComputeOutcomes, Rule } from "../compute/outcomes.ts";
import type { Configuration } from "../configurations.ts";
import type { Group } from "../groups.ts";
import type { Result } from "../result.ts";
import { gainOver } from "../statistics.ts";
import type { Resampled } from "../statistics.ts";

/** A configuration in the race, and how many answers it gives to each question. */
export interface Entrant {
  readonly configuration: Configuration;
  readonly n: number;
}

/** A way of answering: a configuration, and how one of k answers is chosen. Accuracies of several are paired by question. */
export interface Way {
  readonly configuration: Configuration;
  readonly rule: Rule;
  readonly k: number;
  /** Evaluated tokens a question, on average. */
  readonly cost: number;
  readonly accuracy: Resampled;
}

/** What costs so many times the budget is still within it. */
export const leeway = 1.05;

/** The results of one configuration, by question, so that those of two are paired. */
export const groupOf = ({ name, fields }: Configuration, results: readonly Result[]): Group => ({
  ...{ label: name, configuration: name, fields, model: results[0]!.model },
  results: results
    .filter(({ configuration }) => configuration === name)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
});

/** Evaluated tokens of an answer, on average. @throws InferenceError where the server does not count them */
export function costOf(outcomes: ComputeOutcomes): number {
  const cost = outcomes.costs.evaluated?.value;
  if (cost !== undefined) return cost;
  throw new InferenceError(
    "invalid_request",
    "The server does not tell how many tokens an answer took: what is within a budget cannot be known.",
  );
}

/** What k answers come to, for 1, 2, 4, … and as many as a budget pays; undefined where it pays none. */
export function affordable(group: Group, most: number): ComputeOutcomes | undefined {
  const n = Math.min(...group.results.map(({ samples }) => samples.length));
  const paid = Math.min(n, Math.floor((most * leeway) / costOf(outcomesOf(group, [1]))));
  if (paid < 1) return undefined;
  const counts: number[] = [];
  for (let k = 1; k < paid; k *= 2) counts.push(k);
  return outcomesOf(group, [...counts, paid]);
}

/** Each rule at each number of answers; that of one answer once. */
export function waysOf(configuration: Configuration, outcomes: ComputeOutcomes): readonly Way[] {
  const cost = costOf(outcomes);
  return outcomes.strategies.flatMap(({ rule, outcomes: own }) =>
    own
      .filter(({ k }) => rule === "single" || k > 1)
      .map(({ k, accuracy }) => ({ configuration, rule, k, cost: k * cost, accuracy })),
  );
}

/** The most accurate; of equals the cheapest, then the first. */
export const bestOf = (ways: readonly Way[]): Way =>
  ways.reduce((best, way) => {
    const gain = way.accuracy.value - best.accuracy.value;
    return gain > 0 || (gain === 0 && way.cost < best.cost) ? way : best;
  });

/** How much more accurate one is than another, question by question. */
export const gainOf = (way: Way, over: Way): Resampled => gainOver(way.accuracy, over.accuracy);
