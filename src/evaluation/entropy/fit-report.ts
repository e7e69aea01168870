import * as Plot from "@observablehq/plot";
import { colorScale, drawChart } from "../report/chart.ts";
import {
  escapeText,
  formatInterval,
  formatNumber,
  renderFigure,
  renderPage,
  renderTable,
} from "../report/page.ts";
import { predict } from "./fit.ts";
import type { Fit } from "./fit.ts";
import type { Point } from "./points.ts";

export interface FitContent {
  readonly title: string;
  readonly points: readonly Point[];
  readonly fit: Fit;
  readonly warnings: readonly string[];
}

/** The fit as a page that stands by itself. */
export function renderFit(content: FitContent): string {
  const { title, fit, points, warnings } = content;
  const { a, b, ceiling, rmse, rSquared, samplingError, backTest } = fit;
  const rows: [string, string, string][] = [
    ["a", formatNumber(a.value, 4), formatInterval(a)],
    ["b", formatNumber(b.value, 4), formatInterval(b)],
    ["ceiling, b − a", formatNumber(ceiling.value, 4), formatInterval(ceiling)],
    ["RMSE", formatNumber(rmse, 4), ""],
    ["RMSE that sampling alone would give, at most", formatNumber(samplingError ?? null, 4), ""],
    ["R²", formatNumber(rSquared, 4), ""],
  ];
  if (backTest !== undefined) {
    const { fitted, ceiling: early, rmse: error, lastError } = backTest;
    rows.push(
      [`back-test: ceiling from the first ${fitted} points`, formatNumber(early, 4), ""],
      ["back-test: RMSE on the rest", formatNumber(error, 4), ""],
      ["back-test: error at the last point", formatNumber(lastError, 4), ""],
    );
  }
  return renderPage(title, [
    `<p>R = −a·e<sup>H</sup> + b by ordinary least squares over ${points.length} points; intervals: 95 %, by resampling points.</p>`,
    ...warnings.map((warning) => `<p class="warning">${escapeText(warning)}</p>`),
    renderTable(["", "value", "interval"], rows),
    renderFigure("Accuracy against policy entropy", drawFit(content)),
    renderFigure("Entropy over the run", drawEntropy([{ label: title, points }])),
  ]);
}

/** The points, the law fitted to all of them, and the one fitted to their beginning. */
export function drawFit({ points, fit }: Pick<FitContent, "points" | "fit">): string {
  const { law, backTest } = fit;
  const most = Math.max(...points.map(({ H }) => H));
  const laws = [
    { label: "fit of all points", law },
    ...(backTest === undefined ? [] : [{ label: `fit of the first ${backTest.fitted}`, law: backTest.law }]),
  ];
  const curve = laws.flatMap(({ label, law: one }) =>
    Array.from({ length: 101 }, (_, index) => {
      const H = (most * index) / 100;
      return { label, H, R: predict(one, H) };
    }),
  );
  const series = ["points", ...laws.map(({ label }) => label)];
  return drawChart({
    marks: [
      Plot.lineY(curve, { x: "H", y: "R", z: "label", stroke: "label", strokeWidth: 1.5 }),
      Plot.ruleY(
        points.flatMap(({ H, HUpper, R }) => (HUpper === undefined ? [] : { H, HUpper, R, label: "points" })),
        { y: "R", x1: "H", x2: "HUpper", stroke: "label" },
      ),
      Plot.dot(
        points.map((point) => ({ ...point, label: "points" })),
        { x: "H", y: "R", fill: "label", r: 3 },
      ),
    ],
    x: { label: "policy entropy H, nats", grid: true },
    y: { label: "accuracy R", grid: true },
    color: colorScale(series),
    height: 360,
  });
}

/** Policy entropy against the step, a line a run. */
export function drawEntropy(
  runs: readonly { readonly label: string; readonly points: readonly Point[] }[],
): string {
  return drawRuns(runs, "H", "policy entropy, nats");
}

/** One of a run's figures against its step. */
export function drawRuns(
  runs: readonly { readonly label: string; readonly points: readonly Point[] }[],
  key: "H" | "R",
  label: string,
): string {
  const rows = runs.flatMap((run) => run.points.map((point) => ({ ...point, label: run.label })));
  return drawChart({
    marks: [Plot.lineY(rows, { x: "step", y: key, z: "label", stroke: "label", strokeWidth: 1.5 })],
    x: { label: "step" },
    y: { label, grid: true, zero: true },
    color: colorScale(runs.map((run) => run.label)),
    height: 320,
  });
}
