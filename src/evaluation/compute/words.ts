import type { Estimate } from "../statistics.ts";
import type { Budget, BudgetEntry, MatchedBudgets } from "./budgets.ts";
import type { CostKind, Rule } from "./outcomes.ts";

export const costNames: Readonly<Record<CostKind, string>> = {
  evaluated: "evaluated tokens",
  drawn: "drawn tokens",
  seconds: "seconds",
};

export const ruleNames = {
  single: "one answer",
  vote: "vote",
  logprob: "best by log p",
  mean_logprob: "best by mean log p",
  self_certainty: "best by self-certainty",
  entropy: "best by entropy",
} as const satisfies Readonly<Record<Rule, string>>;

/** A number of answers; between two at which a figure is known it has a fraction. */
export const countWords = (answers: number): string =>
  Math.abs(answers - Math.round(answers)) < 0.05 ? String(Math.round(answers)) : answers.toFixed(1);

export function ruleWords(rule: Rule, answers: number): string {
  const count = countWords(answers);
  if (rule === "single" || count === "1") return ruleNames.single;
  const among = `of ${count}`;
  return rule === "vote" ? `a vote ${among}` : `the ${ruleNames[rule].replace("best", `best ${among}`)}`;
}

/** What an interval of a difference says: whether two can be told apart. */
export function differenceWords({ low, high }: Estimate): "better" | "worse" | "not told apart" {
  if (low > 0) return "better";
  return high < 0 ? "worse" : "not told apart";
}

const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
const interval = (low: string, high: string, isKnown: boolean): string =>
  isKnown ? ` [${low}, ${high}]` : "";

export const accuracyWords = ({ value, low, high }: Estimate): string =>
  value.toFixed(3) + interval(low.toFixed(3), high.toFixed(3), !Number.isNaN(low));

export const gainWords = ({ value, low, high }: Estimate): string =>
  signed(value) + interval(signed(low), signed(high), !Number.isNaN(low));

/** Who wins at one budget, as a sentence. */
export function budgetSentence({ multiple, cost, entries }: Budget, kind: CostKind): string {
  const own = entries.find(({ difference }) => difference === null)!;
  const others = entries.filter(({ difference }) => difference !== null);
  const at = `At ${multiple}x (${cost.toFixed(kind === "seconds" ? 3 : 1)} ${costNames[kind]} a question): ${describe(own)}, ${accuracyWords(own.accuracy)}`;
  if (others.length === 0) return `${at}. Nothing else is to be had for it.`;
  const best = others.reduce((most, one) => (one.accuracy.value > most.accuracy.value ? one : most));
  const gap = `${gainWords(best.difference!)}: ${differenceWords(best.difference!)}`;
  const first = `${at}; ${others.length === 1 ? "" : "the best other, "}${describe(best)}, ${gap}`;
  return [first, ...tally(others.filter((one) => one !== best))].join(". ") + ".";
}

const describe = ({ label, rule, answers, isBelow }: BudgetEntry): string =>
  `${label}, ${ruleWords(rule, answers)}${isBelow ? " (which costs less)" : ""}`;

/** Those of the rest that can be told from the first configuration. */
function tally(rest: readonly BudgetEntry[]): string[] {
  return (["better", "worse"] as const).flatMap((verdict) => {
    const own = rest.filter(({ difference }) => differenceWords(difference!) === verdict);
    const names = own.map(({ label }) => label).join("; ");
    return own.length === 0 ? [] : `${verdict === "better" ? "Better, too" : "Worse"}: ${names}`;
  });
}

/** Those that the first configuration can spend: beyond, it is held against others at what its last answer costs. */
export const spendable = ({ budgets }: MatchedBudgets): readonly Budget[] =>
  budgets.filter(({ entries }) => entries.some(({ difference, isBelow }) => difference === null && !isBelow));

/** What chance alone makes of so many comparisons, where intervals are of one each. */
export function chanceWords(matched: MatchedBudgets): string {
  const compared = spendable(matched).flatMap(({ entries }) =>
    entries.filter(({ difference }) => difference !== null && !Number.isNaN(difference.low)),
  ).length;
  if (compared < 2) return "";
  return ` Each is of one comparison: of equals one in twenty is told apart by chance, and these are ${compared}.`;
}

/** Who wins at all where both spend the same, as a sentence. */
export function headline(matched: MatchedBudgets): string {
  const { kind, baseline } = matched;
  const budgets = spendable(matched);
  const others = new Set(
    budgets.flatMap(({ entries }) =>
      entries.flatMap(({ label, difference }) => (difference === null ? [] : label)),
    ),
  );
  const told = (verdict: "better" | "worse"): string[] =>
    [...others].flatMap((label) => {
      const at = budgets.filter(({ entries }) =>
        entries.some(
          ({ label: own, difference, isBelow }) =>
            own === label && !isBelow && difference !== null && differenceWords(difference) === verdict,
        ),
      );
      return at.length === 0 ? [] : `${label} (at ${at.map(({ multiple }) => `${multiple}x`).join(", ")})`;
    });
  const [better, worse] = [told("better"), told("worse")];
  const costs = `At equal ${costNames[kind]}`;
  const isAlone = matched.budgets.every(({ entries }) => entries.length === 1);
  if (isAlone) return `${costs}: ${baseline} alone was asked.`;
  if (others.size === 0) return `${costs}: one answer of any other costs more than all of ${baseline}.`;
  if (better.length + worse.length === 0)
    return `${costs}, nothing that was asked can be told from ${baseline}.`;
  const first = better.length === 0 ? "nothing" : better.join(" and ");
  const rest = worse.length === 0 ? "" : ` Worse: ${worse.join("; ")}.`;
  return `${costs}, ${first} ${better.length > 1 ? "do" : "does"} better than ${baseline}.${rest}`;
}
