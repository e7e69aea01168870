import { join } from "node:path";
import { analyse } from "../../src/evaluation/analysis.ts";
import type { Analysis } from "../../src/evaluation/analysis.ts";
import type { BudgetEntry } from "../../src/evaluation/compute/budgets.ts";
import type { Rule } from "../../src/evaluation/compute/outcomes.ts";
import { differenceWords, ruleNames, ruleWords } from "../../src/evaluation/compute/words.ts";
import { groupResults } from "../../src/evaluation/groups.ts";
import { signals } from "../../src/evaluation/likelihood/knowledge.ts";
import { signalNames } from "../../src/evaluation/likelihood/words.ts";
import { findings } from "../../src/evaluation/report/findings.ts";
import type { Result } from "../../src/evaluation/result.ts";
import { mean } from "../../src/evaluation/statistics.ts";
import { readResults } from "../../src/evaluation/stored-results.ts";
import { figure, interval, markdown } from "./markdown.ts";

/** What an evaluation's stored answers come to, or those of them that are kept. */
export async function analyseFolder(
  folder: string,
  keep: (result: Result) => boolean = () => true,
): Promise<Analysis> {
  const results = (await readResults(join(folder, "results.jsonl"))).results.filter(keep);
  const items = new Set(results.map(({ id }) => id)).size;
  return analyse(groupResults(results, items).finished);
}

/** What came out, as the report's summary says it. */
export const findingsList = (analysis: Analysis): string =>
  findings(analysis)
    .map((sentence) => `- ${sentence}`)
    .join("\n");

/** Configurations by budget; bold is better than the first one at the same budget, struck out worse. */
export function budgetTable({ compute: { matched, configurations } }: Analysis): string {
  const budgets = matched.evaluated?.budgets ?? [];
  const cell = (entry: BudgetEntry | undefined): string => {
    if (entry === undefined) return "";
    const { accuracy, difference, rule, answers } = entry;
    const told = difference === null ? "not told apart" : differenceWords(difference);
    const mark = { better: "**", worse: "~~", "not told apart": "" }[told];
    const way = rule === "single" ? "" : ` ${ruleWords(rule, answers)}`;
    return `${mark}${figure(accuracy.value)}${mark}${way}`;
  };
  return markdown(
    ["", ...budgets.map(({ multiple, cost }) => `${multiple}x (${figure(cost, 0)})`)],
    configurations.map(({ label }) => [
      label,
      ...budgets.map(({ entries }) => cell(entries.find((entry) => entry.label === label))),
    ]),
  );
}

/** What nothing cheaper is as good as. */
export const frontierTable = ({ compute: { frontiers } }: Analysis): string =>
  markdown(
    ["evaluated tokens", "accuracy", "configuration", "answered by"],
    frontiers.evaluated.map(({ cost, accuracy, label, rule, k }) => [
      figure(cost, 1),
      interval(accuracy),
      label,
      ruleWords(rule, k),
    ]),
  );

/** What rules make of k answers, where there are several different ones. */
export function ruleTable({ compute: { configurations } }: Analysis, rules: readonly Rule[]): string {
  const counts = configurations[0]?.ceiling.map(({ k }) => k) ?? [];
  const rows = configurations.flatMap(({ label, curves, ceiling }) =>
    curves.length === 1
      ? []
      : [
          ...curves.filter(({ rule }) => rules.includes(rule)),
          { rule: "pass@k" as const, points: ceiling },
        ].map(({ rule, points }) => [
          label,
          rule === "pass@k" ? rule : ruleNames[rule],
          ...points.map(({ estimate }) => figure(estimate.value)),
        ]),
  );
  return markdown(["", "rule", ...counts.map((k) => `k = ${k}`)], rows);
}

/** How often signals tell a right answer from a wrong one to the same question. */
export const areaTable = ({ likelihood }: Analysis): string =>
  markdown(
    ["", "questions with both", ...signals.map((signal) => signalNames[signal])],
    likelihood.map(({ label, askable, knowledge }) => [
      label,
      figure(askable),
      ...signals.map((signal) => {
        const own = knowledge.find((one) => one.signal === signal);
        return own === undefined ? "" : interval(own.area);
      }),
    ]),
  );

/** One answer of each configuration: right, likely, long, and what it cost. */
export const answerTable = ({ summaries, compute: { configurations } }: Analysis): string =>
  markdown(
    ["", "pass@1", "log p a token", "tokens", "cut off", "evaluated", "drawn", "different answers"],
    summaries.map((summary) => [
      summary.label,
      interval(summary.accuracy),
      figure(mean(summary.meanLogprobs)),
      figure(summary.tokensPerAnswer, 1),
      figure(summary.cutOff),
      figure(configurations.find(({ label }) => label === summary.label)?.costs.evaluated?.value ?? NaN, 1),
      figure(summary.drawnTokensPerAnswer, 0),
      figure(summary.distinctAnswers, 2),
    ]),
  );

/** What mixing does: each kind of chain. */
export const mixingTable = ({ summaries }: Analysis): string =>
  markdown(
    [
      "",
      "moved",
      "unchanged",
      "rejected",
      "chains whose first token changed",
      "unmixed",
      "questions whose chains agree",
    ],
    summaries.flatMap(({ label, chain }) =>
      chain === null
        ? []
        : [
            [
              label,
              ...[
                chain.moved,
                chain.unchanged,
                chain.rejected,
                chain.movedChains,
                chain.unmixedChains,
                chain.agreeing,
              ].map((share) => figure(share)),
            ],
          ],
    ),
  );

/** One configuration's share of right answers less each other's, paired by question. */
export function differenceTable({ summaries }: Analysis, label: string): string {
  const own = summaries.find((summary) => summary.label === label);
  return markdown(
    [`${label} less`, "difference of pass@1"],
    (own?.differences ?? []).map(({ to, estimate }) => [to, interval(estimate)]),
  );
}
