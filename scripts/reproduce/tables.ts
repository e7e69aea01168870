import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { drawRuns } from "../../src/evaluation/entropy/fit-report.ts";
import { fitPoints, warningsOf } from "../../src/evaluation/entropy/fit.ts";
import { measureEntropy } from "../../src/evaluation/entropy/measure.ts";
import { parsePoints } from "../../src/evaluation/entropy/points.ts";
import type { Point } from "../../src/evaluation/entropy/points.ts";
import { drawHistogram, drawPassAtK, drawSweep } from "../../src/evaluation/report/charts.ts";
import { drawFrontier } from "../../src/evaluation/report/frontier-chart.ts";
import { seriesColors } from "../../src/evaluation/report/series-colors.ts";
import type { Result } from "../../src/evaluation/result.ts";
import { mean } from "../../src/evaluation/statistics.ts";
import type { Summary } from "../../src/evaluation/summary.ts";
import {
  analyseFolder,
  areaTable,
  budgetTable,
  findingsList,
  frontierTable,
  ruleTable,
} from "./compute-tables.ts";
import { figure, interval, markdown } from "./markdown.ts";

export interface Evaluations {
  /** Of the reports. */
  readonly folder: string;
  /** Folders of models that RL made, with the logs of their training. */
  readonly runs: readonly string[];
  /** Folders with logs alone: of runs whose points are sharper. */
  readonly sharperRuns: readonly string[];
}

/** Share of a run that the back-test fits. */
const firstShare = 0.15;

/** What README compares: what a newcomer knows, and power. */
const firstCompared: readonly string[] = ["standard", "low_temperature", "greedy", "power"];

const nothing = "_Not measured: the model is not in this repository._";

/** The tables of docs/results.md by name, in Markdown. */
export async function resultTables(evaluations: Evaluations): Promise<ReadonlyMap<string, string>> {
  const { folder } = evaluations;
  const main = await readSummaries(folder, "abacus");
  const sweep = await readSummaries(folder, "sweep");
  const equal = await analyseFolder(join(folder, "abacus"));
  return new Map([
    ["samplers", samplerTable(main)],
    ["differences", differenceTable(main)],
    ["chains", chainTable(main)],
    ["equal", findingsList(equal)],
    ["budgets", budgetTable(equal)],
    ["frontier", frontierTable(equal)],
    ["rules", ruleTable(equal, ["vote", "logprob", "self_certainty"])],
    ["areas", areaTable(equal)],
    [
      "alpha",
      sweepTable(
        sweep.filter(({ fields }) => fields.mcmc_steps === 10),
        "alpha",
      ),
    ],
    [
      "steps",
      sweepTable(
        sweep.filter(({ fields }) => fields.alpha === 4),
        "mcmc_steps",
      ),
    ],
    ["entropy", await entropyTable(join(folder, "entropy"))],
    ["collapse", collapse(await readRuns(evaluations.runs))],
    ["fit", fitTable(await readRuns(evaluations.runs))],
    ["sharper-fit", fitTable(await readRuns(evaluations.sharperRuns))],
    ["pivot", await pivotTable(folder)],
  ]);
}

/** Writes the charts of docs/results.md and README. */
export async function writeCharts(evaluations: Evaluations, target: string): Promise<void> {
  const { folder } = evaluations;
  const main = await readSummaries(folder, "abacus");
  const sweep = await readSummaries(folder, "sweep");
  const { compute: equal } = await analyseFolder(join(folder, "abacus"));
  const { compute: first } = await analyseFolder(
    join(folder, "abacus"),
    ({ model, configuration }) => model === "abacus" && firstCompared.includes(configuration),
  );
  const runs = await readRuns(evaluations.runs);
  const charts: Record<string, string | undefined> = {
    "pass-at-k": drawPassAtK(main),
    likelihood: drawHistogram(main, "meanLogprobs", "mean log p per token under the base, nats"),
    confidence: drawHistogram(main, "confidences", "negative mean entropy under the base, nats"),
    alpha: drawSweep(sweep, "alpha", "alpha"),
    steps: drawSweep(sweep, "mcmc_steps", "steps per block"),
    "entropy-collapse": runs.length === 0 ? undefined : drawRuns(runs, "H", "policy entropy, nats"),
    samplers: drawFrontier(first, "evaluated", seriesColors(first)),
    abacus: drawFrontier(equal, "evaluated", seriesColors(equal, ["abacus: power"])),
    reward: runs.length === 0 ? undefined : drawRuns(runs, "R", "accuracy"),
  };
  await mkdir(target, { recursive: true });
  for (const [name, svg] of Object.entries(charts)) {
    if (svg !== undefined) await writeFile(join(target, `${name}.svg`), `${svg}\n`);
  }
}

async function readSummaries(folder: string, name: string): Promise<readonly Summary[]> {
  const text = await readFile(join(folder, name, "report.json"), "utf8");
  return (JSON.parse(text) as { summaries: Summary[] }).summaries;
}

interface Run {
  readonly label: string;
  readonly points: readonly Point[];
}

async function readRuns(folders: readonly string[]): Promise<readonly Run[]> {
  const logs = folders.map((folder) => join(folder, "training.jsonl")).filter((log) => existsSync(log));
  return Promise.all(
    logs.map(async (log) => ({
      label: basename(join(log, "..")),
      points: parsePoints(await readFile(log, "utf8"), log),
    })),
  );
}

/** A table below the number of questions behind it. */
const counted = ([first]: readonly Summary[], table: string): string =>
  `${first!.items} questions, ${first!.n} answers to each.\n\n${table}`;

function samplerTable(summaries: readonly Summary[]): string {
  const counts = summaries[0]?.passAt.map(({ k }) => k) ?? [];
  const table = markdown(
    ["", ...counts.map((k) => `pass@${k}`), "log p", "entropy", "tokens", "evaluated"],
    summaries.map((summary) => [
      summary.label,
      ...summary.passAt.map(({ k, estimate }) =>
        k === 1 || k === counts.at(-1) ? interval(estimate) : figure(estimate.value),
      ),
      figure(mean(summary.meanLogprobs)),
      figure(-mean(summary.confidences)),
      figure(summary.tokensPerAnswer, 1),
      figure(summary.evaluatedTokensPerAnswer, 1),
    ]),
  );
  return counted(summaries, table);
}

/** Power less each other. */
function differenceTable(summaries: readonly Summary[]): string {
  const power = summaries.find(({ fields }) => fields.sampler === "power");
  return markdown(
    ["power less", "difference of pass@1", "of the last pass@k"],
    (power?.differences ?? []).map(({ to, estimate }) => {
      const other = summaries.find(({ label }) => label === to)!;
      const gap = power!.passAt.at(-1)!.estimate.value - other.passAt.at(-1)!.estimate.value;
      return [to, interval(estimate), figure(gap)];
    }),
  );
}

function chainTable(summaries: readonly Summary[]): string {
  const head = [
    "",
    "different answers",
    "answer entropy",
    "moved",
    "unchanged",
    "rejected",
    "steps",
    "chains",
    "unmixed",
    "drawn",
  ];
  return markdown(
    head,
    summaries.map(({ label, distinctAnswers, answerEntropy, chain, drawnTokensPerAnswer }) => [
      label,
      figure(distinctAnswers, 2),
      figure(answerEntropy, 2),
      figure(chain?.moved ?? null),
      figure(chain?.unchanged ?? null),
      figure(chain?.rejected ?? null),
      figure(chain?.firstTokenChanges ?? null, 4),
      figure(chain?.movedChains ?? null),
      figure(chain?.unmixedChains ?? null),
      figure(drawnTokensPerAnswer, 0),
    ]),
  );
}

function sweepTable(summaries: readonly Summary[], field: "alpha" | "mcmc_steps"): string {
  const place = ({ fields }: Summary): number => Number(fields[field]);
  const table = markdown(
    [field, "pass@1", `pass@${summaries[0]!.n}`, "log p", "evaluated"],
    summaries
      .toSorted((a, b) => place(a) - place(b))
      .map((summary) => [
        String(place(summary)),
        interval(summary.accuracy),
        figure(summary.passAt.at(-1)!.estimate.value),
        figure(mean(summary.meanLogprobs)),
        figure(summary.evaluatedTokensPerAnswer, 1),
      ]),
  );
  return counted(summaries, table);
}

async function entropyTable(folder: string): Promise<string> {
  const [, ...lines] = (await readFile(join(folder, "results.jsonl"), "utf8")).trim().split("\n");
  const results = lines.map((line) => JSON.parse(line) as Result);
  const models = [...new Set(results.map(({ model }) => model))];
  return markdown(
    ["model", "H, token-mean", "H, seq-mean", "accuracy at T = 1"],
    models.map((name) => {
      const measured = measureEntropy(results.filter(({ model }) => model === name));
      return [
        name,
        interval(measured.tokenMean),
        interval(measured.sequenceMean),
        interval(measured.accuracy),
      ];
    }),
  );
}

const collapse = (runs: readonly Run[]): string =>
  runs.length === 0
    ? nothing
    : "![Policy entropy over training](results/entropy-collapse.svg)\n\n![Accuracy over training](results/reward.svg)";

function fitTable(runs: readonly Run[]): string {
  if (runs.length === 0) return nothing;
  const warnings: string[] = [];
  const rows = runs.map(({ label, points }) => {
    const fit = fitPoints(points, firstShare);
    warnings.push(...warningsOf(points, fit).map((warning) => `- ${label}: ${warning}`));
    const { a, b, ceiling, rmse, samplingError, rSquared, backTest } = fit;
    return [
      label,
      String(points.length),
      interval(a),
      interval(b),
      interval(ceiling),
      figure(rmse),
      figure(samplingError ?? null),
      figure(rSquared),
      figure(backTest?.rmse ?? null),
      figure(backTest?.lastError ?? null),
    ];
  });
  const head = [
    "run",
    "points",
    "a",
    "b",
    "ceiling",
    "RMSE",
    "of sampling",
    "R²",
    "back-test RMSE",
    "at the end",
  ];
  return [
    markdown(head, rows),
    ...(warnings.length === 0 ? [] : ["", "Warnings of the fit:", "", ...warnings]),
  ].join("\n");
}

async function pivotTable(folder: string): Promise<string> {
  if (!existsSync(join(folder, "pivot", "report.json"))) return nothing;
  const summaries = await readSummaries(folder, "pivot");
  const table = markdown(
    [
      "",
      "pass@1",
      `pass@${summaries[0]!.n}`,
      "log p",
      "moved",
      "acceptance",
      "chains",
      "unmixed",
      "evaluated",
    ],
    summaries.map((summary) => [
      summary.label,
      interval(summary.accuracy),
      figure(summary.passAt.at(-1)!.estimate.value),
      figure(mean(summary.meanLogprobs)),
      figure(summary.chain?.moved ?? null),
      figure(summary.chain?.acceptance ?? null),
      figure(summary.chain?.movedChains ?? null),
      figure(summary.chain?.unmixedChains ?? null),
      figure(summary.evaluatedTokensPerAnswer, 1),
    ]),
  );
  return counted(summaries, table);
}
