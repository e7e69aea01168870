import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { escapeText } from "./page.ts";

/** Of all charts, pixels. */
export const width = 860;
const legendRow = 22;

/** Colours that can be told apart. */
export const palette = [
  "#4269d0",
  "#c8501e",
  "#2f9d63",
  "#a463f2",
  "#e0a100",
  "#d6336c",
  "#1aa3b8",
  "#8a6140",
  "#7a8290",
  "#98b73a",
];

export interface ColorScale {
  readonly domain: string[];
  readonly range: string[];
}

/** The same series has the same colour in all charts that have the same series. */
export function colorScale(series: readonly string[]): ColorScale {
  const range = series.map((_, index) =>
    series.length <= palette.length
      ? palette[index]!
      : `hsl(${Math.round((360 * index) / series.length)} 60% ${index % 2 === 0 ? 38 : 55}%)`,
  );
  return { domain: [...series], range };
}

export interface ChartOptions extends Omit<Plot.PlotOptions, "marks" | "color"> {
  readonly marks: readonly Plot.Markish[];
  /** What the colours mean. */
  readonly color: ColorScale;
  /** False where the rows say it. */
  readonly hasLegend?: boolean;
}

/** Draws a chart, its legend within. @returns an SVG that stands by itself, in a page or in a file */
export function drawChart({ color, hasLegend = true, x, marks, ...options }: ChartOptions): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>") as unknown as {
    // Plot's types want a browser's document; it uses what linkedom has.
    document: never;
  };
  const plot = Plot.plot({
    document,
    width,
    style: { background: "transparent", fontSize: "13px" },
    marginBottom: 44,
    x: { labelAnchor: "center", labelArrow: "none", labelOffset: 38, ...x },
    color,
    ...options,
    marks: [...marks],
  }) as unknown as { outerHTML: string; getAttribute(name: string): string };
  const legend = hasLegend ? drawLegend(color) : { svg: "", height: 0 };
  const height = Number(plot.getAttribute("height"));
  // Plot names groups, which have no role that could be named.
  const inner = plot.outerHTML
    .replace(/ aria-label="[^"]*"/g, "")
    .replace("<svg ", `<svg y="${legend.height}" `);
  return renderSvg(height + legend.height, legend.svg + inner);
}

/** In a page its paper and ink are the page's; by itself it is black on white. @param content as wide as charts are */
export const renderSvg = (height: number, content: string): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" fill="currentColor">`,
    `<rect width="100%" height="100%" style="fill:var(--paper,#fff)"/>`,
    content,
    "</svg>",
  ].join("");

/** Space for the longest of a chart's row labels, pixels. */
export const labelSpace = (labels: readonly string[]): number =>
  24 + 7.2 * Math.max(...labels.map(({ length }) => length));

function drawLegend({ domain, range }: ColorScale): { svg: string; height: number } {
  let x = 8;
  let row = 0;
  const entries = domain.map((label, index) => {
    // Wide enough for the usual fonts.
    const space = 30 + 7.2 * label.length;
    if (x > 8 && x + space > width) {
      x = 8;
      row++;
    }
    const y = row * legendRow;
    const entry = `<rect x="${x}" y="${y + 5}" width="13" height="13" rx="2" fill="${range[index]!}"/><text x="${x + 19}" y="${y + 16}" font-size="13">${escapeText(label)}</text>`;
    x += space;
    return entry;
  });
  return { svg: entries.join(""), height: (row + 1) * legendRow };
}
