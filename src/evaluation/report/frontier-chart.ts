import * as Plot from "@observablehq/plot";
import type { EqualCompute } from "../analysis.ts";
import type { ComputeSummary } from "../compute/curves.ts";
import type { CostKind } from "../compute/outcomes.ts";
import { costNames } from "../compute/words.ts";
import { drawChart } from "./chart.ts";
import type { ColorScale } from "./chart.ts";
import { plainColour } from "./series-colors.ts";

const restName = "others";
const frontierName = "the best at its cost";

/**
 * Accuracy against the cost of a question: a line a configuration, from one answer to all, each with its best rule
 * there; the frontier with its interval behind them.
 * @returns nothing where costs are not known
 */
export function drawFrontier(
  { configurations, frontiers }: EqualCompute,
  kind: CostKind,
  colors: ColorScale,
): string | undefined {
  const front = frontiers[kind].map(({ cost, accuracy }) => ({ cost, ...accuracy, label: frontierName }));
  if (front.length === 0) return undefined;
  const own = colors.domain.filter((_, index) => colors.range[index] !== plainColour);
  const shown = new Set(own);
  const rows = configurations
    .flatMap((one) => bestLine(one, kind, shown.has(one.label)))
    // What has no colour of its own lies below what has.
    .sort((a, b) => Number(a.label !== restName) - Number(b.label !== restName));
  const most = Math.max(...rows.map(({ cost }) => cost));
  const steps = [...front, { ...front.at(-1)!, cost: most }];
  const scale = [
    ...own.map((label) => [label, colors.range[colors.domain.indexOf(label)]!] as const),
    ...(shown.size < configurations.length ? [[restName, plainColour] as const] : []),
    [frontierName, "#b9ab93"] as const,
  ];
  const line = { x: "cost", y: "value", z: "series", stroke: "label" };
  return drawChart({
    marks: [
      ...(front.some(({ low }) => Number.isNaN(low))
        ? []
        : [
            Plot.areaY(steps, {
              ...{ x: "cost", y1: "low", y2: "high", fill: "label" },
              ...{ fillOpacity: 0.22, curve: "step-after" },
            }),
          ]),
      Plot.lineY(steps, {
        x: "cost",
        y: "value",
        stroke: "label",
        strokeWidth: 5,
        strokeOpacity: 0.6,
        curve: "step-after",
      }),
      Plot.lineY(rows, { ...line, strokeWidth: 1.75 }),
      Plot.dot(rows, { x: "cost", y: "value", fill: "label", r: 3.5 }),
    ],
    x: { label: `${costNames[kind]} a question`, type: "log", grid: true, tickFormat: "~s" },
    y: { label: "accuracy", grid: true, nice: true },
    color: { domain: scale.map(([label]) => label), range: scale.map(([, colour]) => colour) },
    height: 400,
  });
}

/** By k: the best that a rule makes of so many answers. */
function bestLine({ label, costs, curves }: ComputeSummary, kind: CostKind, isShown: boolean) {
  const cost = costs[kind]?.value;
  if (cost === undefined) return [];
  const values = new Map<number, number>();
  for (const { k, estimate } of curves.flatMap(({ points }) => points))
    values.set(k, Math.max(estimate.value, values.get(k) ?? 0));
  return [...values].map(([k, value]) => ({
    ...{ k, value, series: label },
    cost: k * cost,
    label: isShown ? label : restName,
  }));
}
