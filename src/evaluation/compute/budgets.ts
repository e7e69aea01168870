import { estimate, gainOver } from "../statistics.ts";
import type { Estimate, Resampled } from "../statistics.ts";
import { interpolate } from "./interpolate.ts";
import type { ComputeOutcomes, CostKind, Rule, Strategy } from "./outcomes.ts";

/** What one configuration makes of a budget. */
export interface BudgetEntry {
  readonly label: string;
  /** Its best rule at this budget, chosen on these very questions. */
  readonly rule: Rule;
  /** As many answers as the budget pays; a figure between two counts is interpolated (see `interpolate`). */
  readonly answers: number;
  /** Whether all the answers that it has cost less than the budget. */
  readonly isBelow: boolean;
  readonly accuracy: Estimate;
  /** Less the first configuration's at the same budget, paired by question; null for the first itself. */
  readonly difference: Estimate | null;
}

export interface Budget {
  /** Times the cost of one answer of the first configuration. */
  readonly multiple: number;
  /** Of a question. */
  readonly cost: number;
  /** The first configuration first; those are left out of which one answer costs more. */
  readonly entries: readonly BudgetEntry[];
}

/** Configurations side by side at the same cost. */
export interface MatchedBudgets {
  readonly kind: CostKind;
  /** What the others are held against. */
  readonly baseline: string;
  readonly budgets: readonly Budget[];
}

/** An answer that costs so many times the budget still counts as paid by it. */
const leeway = 1.05;

/** A configuration whose cost of this kind is known. */
interface Priced {
  readonly label: string;
  readonly cost: Resampled;
  readonly strategies: readonly Strategy[];
}

/**
 * Accuracy at budgets of 1, 2, 4, … times the cost of one answer of the first configuration. Whatever is resampled,
 * accuracies, costs and with them the answers that a budget pays, is so in the same resample of questions.
 * @returns undefined where the first one's cost is not known
 */
export function matchBudgets(all: readonly ComputeOutcomes[], kind: CostKind): MatchedBudgets | undefined {
  const priced = all.flatMap(({ label, strategies, costs: { [kind]: cost } }): Priced[] =>
    cost === undefined || cost.value <= 0 ? [] : [{ label, cost, strategies }],
  );
  const baseline = priced[0];
  if (baseline?.label !== all[0]?.label || baseline === undefined) return undefined;
  const largest = largestMultiple(baseline, priced);
  const budgets: Budget[] = [];
  for (let multiple = 1; multiple <= largest; multiple *= 2)
    budgets.push(budgetAt(multiple, baseline, priced));
  return { kind, baseline: baseline.label, budgets };
}

/** All that the first configuration can spend, and what the dearest answer costs. */
function largestMultiple(baseline: Priced, priced: readonly Priced[]): number {
  const dearest = Math.max(...priced.map(({ cost }) => cost.value)) / baseline.cost.value;
  return Math.max(2 ** Math.ceil(Math.log2(dearest / leeway)), ...baseline.strategies.map(mostAnswers));
}

function budgetAt(multiple: number, baseline: Priced, priced: readonly Priced[]): Budget {
  const own = bestAt(baseline, multiple, baseline);
  const entries = priced
    .filter(({ cost }) => multiple * baseline.cost.value * leeway >= cost.value)
    .map((one): BudgetEntry => {
      const { rule, answers, isBelow, accuracy } = one === baseline ? own : bestAt(one, multiple, baseline);
      return {
        ...{ label: one.label, rule, answers, isBelow },
        accuracy: estimate(accuracy),
        difference: one === baseline ? null : estimate(gainOver(accuracy, own.accuracy)),
      };
    });
  return { multiple, cost: multiple * baseline.cost.value, entries };
}

const mostAnswers = ({ outcomes }: Strategy): number => outcomes.at(-1)!.k;

/** The best of a configuration's rules at a budget; of equals the first, which is the simpler one. */
function bestAt({ strategies, cost }: Priced, multiple: number, baseline: Priced) {
  const paid = (multiple * baseline.cost.value) / cost.value;
  const isBelow = paid > leeway * Math.max(...strategies.map(mostAnswers));
  const all = strategies.map((strategy) => ({
    rule: strategy.rule,
    answers: Math.max(1, Math.min(paid, mostAnswers(strategy))),
    isBelow,
    value: accuracyAt(strategy, paid, (accuracy) => accuracy.value),
    strategy,
  }));
  const { strategy, value, ...best } = all.reduce((most, one) => (one.value > most.value ? one : most));
  const resamples = cost.resamples.map((own, index) =>
    accuracyAt(
      strategy,
      (multiple * baseline.cost.resamples[index]!) / own,
      ({ resamples: samples }) => samples[index]!,
    ),
  );
  const first = strategy.outcomes[0]!.accuracy;
  const own = first.own.map((_, place) => accuracyAt(strategy, paid, (accuracy) => accuracy.own[place]!));
  return { ...best, accuracy: { ...first, value, resamples, own } };
}

/** Of a strategy that pays so many answers, over all questions, those of one resample, or a single one. */
const accuracyAt = ({ outcomes }: Strategy, answers: number, read: (accuracy: Resampled) => number): number =>
  interpolate(
    outcomes.map(({ k, accuracy }) => ({ k, value: read(accuracy) })),
    answers,
  );
