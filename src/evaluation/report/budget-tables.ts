import type { EqualCompute } from "../analysis.ts";
import type { BudgetEntry, MatchedBudgets } from "../compute/budgets.ts";
import type { CostKind } from "../compute/outcomes.ts";
import { costNames, differenceWords, gainWords, ruleWords } from "../compute/words.ts";
import { formatInterval, formatNumber, renderTable } from "./page.ts";
import type { Cell } from "./page.ts";

/** As many columns of figures as paper is wide. */
const columnsOnPaper = 4;

/** Configurations by budget: accuracy, the rule that it is by, and the difference to the first one. */
export function renderBudgets({ kind, budgets }: MatchedBudgets): string {
  // The last pays an answer of each.
  const labels = budgets.at(-1)!.entries.map(({ label }) => label);
  const tables: string[] = [];
  for (let start = 0; start < budgets.length; start += columnsOnPaper) {
    const columns = budgets.slice(start, start + columnsOnPaper);
    const head = columns.map(({ multiple, cost }) => `${multiple}x (${formatCost(cost, kind)})`);
    const rows = labels.map((label) => [
      label,
      ...columns.map(({ entries }) => cellOf(entries.find((entry) => entry.label === label))),
    ]);
    tables.push(renderTable(["", ...head], rows));
  }
  return tables.join("<br>");
}

function cellOf(entry: BudgetEntry | undefined): Cell {
  if (entry === undefined) return "costs more";
  const { rule, answers, isBelow, accuracy, difference } = entry;
  const lines = [
    ruleWords(rule, answers),
    ...(isBelow ? ["which costs less"] : []),
    difference === null ? formatInterval(accuracy) : gainWords(difference),
    ...(difference === null ? [] : [differenceWords(difference)]),
  ];
  return [formatNumber(accuracy.value), lines.join("\n")];
}

const formatCost = (cost: number, kind: CostKind): string => formatNumber(cost, kind === "seconds" ? 3 : 1);

/** What nothing cheaper is as good as. */
export const renderFrontier = ({ frontiers }: EqualCompute, kind: CostKind): string =>
  renderTable(
    [costNames[kind], "accuracy", "", ""],
    frontiers[kind].map(({ cost, accuracy, label, rule, k }) => [
      formatCost(cost, kind),
      [formatNumber(accuracy.value), formatInterval(accuracy)],
      label,
      ruleWords(rule, k),
    ]),
  );
