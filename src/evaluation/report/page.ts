/** A page that needs nothing else: for a browser, and for paper. @param parts HTML */
export function renderPage(title: string, parts: readonly string[]): string {
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeText(title)}</title><style>${style}</style></head><body>`,
    `<h1>${escapeText(title)}</h1>`,
    ...parts,
    "</body></html>\n",
  ].join("\n");
}

const style = `
:root { color-scheme: light; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #211f1c; background: #fff; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; font-size: .85rem; width: 100%; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid #e3ddd3; text-align: right; font-variant-numeric: tabular-nums; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
td small { display: block; color: #6b655c; white-space: nowrap; }
figure { margin: 0; } svg { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; } .warning { border-left: 3px solid #c8501e; padding-left: .75rem; }
@media print {
  @page { margin: 14mm; }
  body { margin: 0; padding: 0; max-width: none; font-size: 10pt; }
  h2 { break-after: avoid; } figure, tr { break-inside: avoid; }
  table { font-size: 7.5pt; } th, td { padding: .15rem .3rem; } .scroll { overflow: visible; }
  svg { print-color-adjust: exact; }
}`;

export const escapeText = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** A cell's text, and what stands small below it. */
export type Cell = string | readonly [text: string, note: string];

export function renderTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[], tag: "th" | "td"): string =>
    `<tr>${cells.map((cell) => `<${tag}>${renderCell(cell)}</${tag}>`).join("")}</tr>`;
  return `<div class="scroll"><table><thead>${line(head, "th")}</thead><tbody>${rows.map((row) => line(row, "td")).join("")}</tbody></table></div>`;
}

function renderCell(cell: Cell): string {
  if (typeof cell === "string") return escapeText(cell);
  return `${escapeText(cell[0])}${cell[1] === "" ? "" : `<small>${escapeText(cell[1])}</small>`}`;
}

/** Drawn under a heading. Nothing where there is no chart. */
export const renderFigure = (title: string, svg: string | undefined): string =>
  svg === undefined ? "" : `<figure><h2>${escapeText(title)}</h2>${svg}</figure>`;

export const formatNumber = (value: number | null, digits = 3): string =>
  value === null || Number.isNaN(value) ? "–" : value.toFixed(digits);

interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Empty where there is none. */
export const formatInterval = ({ low, high }: Interval): string =>
  Number.isNaN(low) ? "" : `[${formatNumber(low)}, ${formatNumber(high)}]`;
