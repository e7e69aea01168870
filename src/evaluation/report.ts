import { writeFile } from "node:fs/promises";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Configuration } from "./configurations.ts";
import type { Estimate } from "./statistics.ts";
import type { Summary } from "./summary.ts";

export interface ReportContent {
  readonly title: string;
  readonly summaries: readonly Summary[];
  readonly configurations: readonly Configuration[];
}

/** Writes the report: one HTML file with its charts as SVG, to be read in a browser or on paper. */
export async function writeReport(path: string, content: ReportContent): Promise<void> {
  await writeFile(path, renderReport(content));
}

/** @returns the page */
export function renderReport({ title, summaries, configurations }: ReportContent): string {
  const charts = [
    chart("Accuracy, with bootstrap intervals over questions", accuracyMarks(summaries), {
      x: { label: "pass@1", domain: [0, 1], grid: true },
      y: { label: null, domain: summaries.map(({ configuration }) => configuration) },
      marginLeft: 240,
      height: 60 + 28 * summaries.length,
    }),
    chart("At least one right answer of k", passMarks(summaries), {
      x: { label: "k", type: "log", ticks: summaries[0]?.passAt.map(({ k }) => k) ?? [], tickFormat: "d" },
      y: { label: "pass@k", domain: [0, 1], grid: true },
      color: { legend: true },
      height: 320,
    }),
    histogram("Mean log-likelihood of answers, nats per token", summaries, "meanLogprobs"),
    histogram("Confidence: negative mean entropy, nats", summaries, "confidences"),
    sweep(summaries, configurations),
  ];
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escape(title)}</title><style>${style}</style></head><body>`,
    `<h1>${escape(title)}</h1>`,
    `<p>${summaries[0]?.items ?? 0} questions, ${summaries[0]?.n ?? 0} answers to each. Intervals: 95 %, by resampling questions. Log-likelihood and entropy are those of the model that answered, at temperature 1; entropy is averaged over an answer's tokens, then over answers.</p>`,
    table(summaries),
    differences(summaries),
    ...charts,
    "</body></html>\n",
  ].join("\n");
}

const style = `
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #211f1c; background: #fff; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; font-size: .85rem; width: 100%; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid #e3ddd3; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 0; break-inside: avoid; } svg { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } }`;

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

const number = (value: number | null, digits = 3): string =>
  value === null || Number.isNaN(value) ? "–" : value.toFixed(digits);

const interval = ({ value, low, high }: Estimate): string =>
  `${number(value)} [${number(low)}, ${number(high)}]`;

function grid(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: "th" | "td"): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;
  return `<div class="scroll"><table><thead>${line(head, "th")}</thead><tbody>${rows.map((row) => line(row, "td")).join("")}</tbody></table></div>`;
}

function table(summaries: readonly Summary[]): string {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const head = [
    "",
    "pass@1",
    "pass@n",
    "log p per token",
    "entropy",
    "tokens",
    "evaluated",
    "different answers",
    "answer entropy",
    "accepted",
    "first token changed",
    "s per question",
  ];
  const rows = summaries.map((summary) => [
    summary.configuration,
    interval(summary.accuracy),
    interval(summary.passAt.at(-1)!.estimate),
    number(mean(summary.meanLogprobs)),
    number(-mean(summary.confidences)),
    number(summary.tokensPerAnswer, 1),
    number(summary.evaluatedTokensPerAnswer, 1),
    number(summary.distinctAnswers, 2),
    number(summary.answerEntropy, 2),
    number(summary.acceptance),
    number(summary.firstTokenChanges),
    number(summary.secondsPerRequest, 2),
  ]);
  return `<h2>Figures</h2>${grid(head, rows)}`;
}

function differences(summaries: readonly Summary[]): string {
  if (summaries.length < 2) return "";
  const names = summaries.map(({ configuration }) => configuration);
  const rows = summaries.map(({ configuration, differences }) => [
    configuration,
    ...names.map((name) => {
      const found = differences.find(({ to }) => to === name);
      return found === undefined ? "" : interval(found.estimate);
    }),
  ]);
  return `<h2>Paired differences of pass@1: row less column</h2>${grid(["", ...names], rows)}`;
}

function chart(title: string, marks: readonly Plot.Markish[], options: Plot.PlotOptions): string {
  // Plot's types want a browser's document; it uses what linkedom has.
  const { document } = parseHTML("<!doctype html><html><body></body></html>") as unknown as {
    document: never;
  };
  const figure: unknown = Plot.plot({
    document,
    width: 860,
    style: { background: "transparent", fontSize: "13px" },
    ...options,
    marks: [...marks],
  });
  return `<figure><h2>${escape(title)}</h2>${(figure as { outerHTML: string }).outerHTML}</figure>`;
}

function accuracyMarks(summaries: readonly Summary[]): Plot.Markish[] {
  const rows = summaries.map(({ configuration, accuracy }) => ({ configuration, ...accuracy }));
  return [
    Plot.ruleY(
      rows.filter(({ low }) => !Number.isNaN(low)),
      { y: "configuration", x1: "low", x2: "high", strokeWidth: 2 },
    ),
    Plot.dot(rows, { y: "configuration", x: "value", fill: "#b3411a", r: 5 }),
  ];
}

function passMarks(summaries: readonly Summary[]): Plot.Markish[] {
  const rows = summaries.flatMap(({ configuration, passAt }) =>
    passAt.map(({ k, estimate }) => ({ configuration, k, ...estimate })),
  );
  const series = { x: "k", z: "configuration" };
  return [
    Plot.areaY(rows, { ...series, y1: "low", y2: "high", fill: "configuration", fillOpacity: 0.12 }),
    Plot.lineY(rows, { ...series, y: "value", stroke: "configuration" }),
    Plot.dot(rows, { ...series, y: "value", fill: "configuration" }),
  ];
}

function histogram(
  title: string,
  summaries: readonly Summary[],
  key: "meanLogprobs" | "confidences",
): string {
  const rows = summaries.flatMap((summary) =>
    summary[key].map((value) => ({ configuration: summary.configuration, value })),
  );
  if (rows.length === 0) return "";
  const inputs = { x: "value", z: null, fy: "configuration", fill: "#b3411a", thresholds: 40 };
  const bars = Plot.rectY(rows, Plot.binX({ y: "proportion-facet" }, inputs));
  return chart(title, [bars, Plot.ruleY([0])], {
    x: { label: null },
    y: { label: "share", ticks: 3, grid: true },
    fy: { label: null, domain: summaries.map(({ configuration }) => configuration) },
    marginRight: 240,
    height: 40 + 90 * summaries.length,
  });
}

/** Accuracy of power against its steps and its exponent, where either was swept. */
function sweep(summaries: readonly Summary[], configurations: readonly Configuration[]): string {
  const rows = configurations
    .filter(({ fields }) => fields.sampler === "power" && fields.mcmc_steps !== undefined)
    .flatMap(({ name, fields }) => {
      const accuracy = summaries.find(({ configuration }) => configuration === name)?.accuracy;
      const alpha = `alpha ${(fields.alpha as number | undefined) ?? "of the model"}`;
      return accuracy === undefined ? [] : [{ alpha, steps: fields.mcmc_steps as number, ...accuracy }];
    });
  if (rows.length < 2) return "";
  const series = { x: "steps", z: "alpha" };
  const marks = [
    Plot.ruleX(
      rows.filter(({ low }) => !Number.isNaN(low)),
      { ...series, y1: "low", y2: "high", stroke: "alpha" },
    ),
    Plot.lineY(rows, { ...series, y: "value", stroke: "alpha" }),
    Plot.dot(rows, { ...series, y: "value", fill: "alpha" }),
  ];
  return chart("Power: accuracy by steps per block and alpha", marks, {
    x: { label: "steps per block" },
    y: { label: "pass@1", domain: [0, 1], grid: true },
    color: { legend: true },
    height: 320,
  });
}
