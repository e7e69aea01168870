import * as Plot from "@observablehq/plot";
import type { ComputeSummary } from "../compute/curves.ts";
import { ruleNames } from "../compute/words.ts";
import { colorScale, drawChart, width } from "./chart.ts";

const columns = 3;
const panelHeight = 170;
const ceilingName = "pass@k: at least one of k";

/**
 * Small multiples, a panel a configuration: accuracy by the number of answers, a line a rule, and pass@k as their
 * ceiling.
 * @returns nothing where there is one answer alone
 */
export function drawCurves(configurations: readonly ComputeSummary[]): string | undefined {
  const several = configurations.filter(({ ceiling }) => ceiling.length > 1);
  if (several.length === 0) return undefined;
  const panelOf = (index: number) => ({ column: index % columns, row: Math.floor(index / columns) });
  const rows = several.flatMap(({ curves, ceiling }, index) =>
    [
      ...curves
        .filter(({ rule }) => rule !== "single")
        .map(({ rule, points }) => ({ series: ruleNames[rule], points })),
      { series: ceilingName, points: ceiling },
    ].flatMap(({ series, points }) =>
      points.map(({ k, estimate }) => ({ ...panelOf(index), series, k, ...estimate })),
    ),
  );
  const titles = several.map(({ label }, index) => ({ ...panelOf(index), title: wrap(label) }));
  const colors = colorScale([...new Set(rows.map(({ series }) => series))]);
  colors.range[colors.domain.indexOf(ceilingName)] = "#999";
  const [rules, ceilings] = [
    rows.filter(({ series }) => series !== ceilingName),
    rows.filter(({ series }) => series === ceilingName),
  ];
  const place = { fx: "column", fy: "row", x: "k", z: "series" };
  const ends = rules.filter(
    ({ k, low }) => !Number.isNaN(low) && k === Math.max(...rules.map((one) => one.k)),
  );
  return drawChart({
    marks: [
      Plot.frame({ strokeOpacity: 0.15 }),
      Plot.text(titles, {
        fx: "column",
        fy: "row",
        text: "title",
        frameAnchor: "top-left",
        dx: 2,
        dy: -26,
        lineAnchor: "top",
        fontWeight: 600,
        fontSize: 11,
      }),
      Plot.lineY(ceilings, { ...place, y: "value", stroke: "series", strokeDasharray: "4 3" }),
      Plot.ruleX(ends, { ...place, y1: "low", y2: "high", stroke: "series", strokeOpacity: 0.35 }),
      Plot.lineY(rules, { ...place, y: "value", stroke: "series", strokeWidth: 1.75 }),
      Plot.dot(rules, { ...place, y: "value", fill: "series", r: 2.5 }),
    ],
    x: { label: "k answers", type: "log", ticks: [...new Set(rows.map(({ k }) => k))], tickFormat: "d" },
    y: { label: null, grid: true, ticks: 4 },
    fx: { axis: null, padding: 0.12 },
    fy: { axis: null, padding: 0.24 },
    color: colors,
    marginTop: 34,
    width,
    height: 70 + panelHeight * Math.ceil(several.length / columns),
  });
}

/** In two lines at most, as wide as a panel. */
function wrap(label: string): string {
  const widest = 38;
  if (label.length <= widest) return label;
  const at = label.lastIndexOf(", ", widest);
  const [first, rest] =
    at < 0 ? [label.slice(0, widest), label.slice(widest)] : [label.slice(0, at + 1), label.slice(at + 2)];
  return `${first}\n${rest.length > widest ? `${rest.slice(0, widest - 1)}…` : rest}`;
}
