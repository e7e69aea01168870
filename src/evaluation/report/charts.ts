import * as Plot from "@observablehq/plot";
import { mean } from "../statistics.ts";
import type { Summary } from "../summary.ts";
import { colorScale, drawChart, labelSpace } from "./chart.ts";
import type { ColorScale } from "./chart.ts";

type Summaries = readonly Summary[];

const labelsOf = (summaries: Summaries): string[] => summaries.map(({ label }) => label);

/** pass@1 with its interval, a line a configuration, beside that of the first. */
export function drawAccuracy(summaries: Summaries, colors: ColorScale): string {
  const rows = summaries.map(({ label, accuracy }) => ({ label, ...accuracy }));
  return drawChart({
    marks: [
      Plot.ruleX(rows.slice(0, 1), { x: "value", strokeDasharray: "4 3", strokeOpacity: 0.5 }),
      Plot.ruleY(rows.filter(hasInterval), {
        y: "label",
        x1: "low",
        x2: "high",
        stroke: "label",
        strokeWidth: 2,
      }),
      Plot.dot(rows, { y: "label", x: "value", fill: "label", r: 5 }),
    ],
    x: { label: "pass@1", domain: [0, 1], grid: true },
    y: { label: null, domain: labelsOf(summaries) },
    color: colors,
    hasLegend: false,
    marginLeft: labelSpace(labelsOf(summaries)),
    height: 60 + 28 * summaries.length,
  });
}

/** pass@k against k, with intervals as bands (arXiv 2510.14901, figure 5). */
export function drawPassAtK(summaries: Summaries): string {
  const rows = summaries.flatMap(({ label, passAt }) =>
    passAt.map(({ k, estimate }) => ({ label, k, ...estimate })),
  );
  const series = { x: "k", z: "label" };
  return drawChart({
    marks: [
      Plot.areaY(rows.filter(hasInterval), {
        ...series,
        y1: "low",
        y2: "high",
        fill: "label",
        fillOpacity: 0.1,
      }),
      Plot.lineY(rows, { ...series, y: "value", stroke: "label", strokeWidth: 2 }),
      Plot.dot(rows, { ...series, y: "value", fill: "label" }),
    ],
    x: { label: "k", type: "log", ticks: [...new Set(rows.map(({ k }) => k))], tickFormat: "d" },
    y: { label: "pass@k", domain: [0, 1], grid: true },
    color: colorScale(labelsOf(summaries)),
    height: 340,
  });
}

/** How samples spread, a row a configuration, its mean marked (arXiv 2510.14901, figure 4). */
export function drawHistogram(
  summaries: Summaries,
  key: "meanLogprobs" | "confidences",
  label: string,
  colors = colorScale(labelsOf(summaries)),
): string | undefined {
  const rows = summaries.flatMap((summary) => summary[key].map((value) => ({ label: summary.label, value })));
  if (rows.length === 0) return undefined;
  const means = summaries.map((summary) => ({ label: summary.label, value: mean(summary[key]) }));
  const input = { x: "value", fy: "label", fill: "label", thresholds: 40 };
  return drawChart({
    marks: [
      Plot.rectY(rows, Plot.binX({ y: "proportion-facet" }, input)),
      Plot.ruleX(means, { x: "value", fy: "label", strokeWidth: 1.5, strokeDasharray: "4 3" }),
      Plot.ruleY([0]),
    ],
    x: { label },
    y: { label: "share", ticks: 2, grid: true },
    fy: { label: null, domain: labelsOf(summaries), padding: 0.3 },
    color: colors,
    hasLegend: false,
    marginRight: labelSpace(labelsOf(summaries)),
    height: 60 + 70 * summaries.length,
  });
}

/**
 * Accuracy of power against one of its numbers, a line for each setting of its other numbers
 * (arXiv 2510.14901, figure 6).
 * @returns nothing where the number was not swept
 */
export function drawSweep(
  summaries: Summaries,
  field: "alpha" | "mcmc_steps",
  label: string,
): string | undefined {
  const rows = summaries.flatMap(({ model, fields, accuracy }) => {
    const { [field]: value, sampler, ...others } = fields;
    if (sampler !== "power" || typeof value !== "number") return [];
    const settings = Object.entries(others).map(([name, setting]) => `${name} ${setting}`);
    return [{ series: [model, ...settings].join(", "), place: value, ...accuracy }];
  });
  const series = [...new Set(rows.map((row) => row.series))];
  const places = [...new Set(rows.map(({ place }) => place))].sort((a, b) => a - b);
  if (places.length < 2) return undefined;
  const channels = { x: "place", z: "series" };
  return drawChart({
    marks: [
      Plot.ruleX(rows.filter(hasInterval), { ...channels, y1: "low", y2: "high", stroke: "series" }),
      Plot.lineY(
        rows.toSorted((a, b) => a.place - b.place),
        { ...channels, y: "value", stroke: "series" },
      ),
      Plot.dot(rows, { ...channels, y: "value", fill: "series" }),
    ],
    x: { label, type: "point", domain: places },
    y: { label: "pass@1", domain: [0, 1], grid: true },
    color: colorScale(series),
    height: 340,
  });
}

const hasInterval = ({ low }: { readonly low: number }): boolean => !Number.isNaN(low);
