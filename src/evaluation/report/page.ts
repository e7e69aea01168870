/** A page that needs nothing else: for a browser, and for paper. @param parts HTML */
export function renderPage(title: string, parts: readonly string[]): string {
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeText(title)}</title><style>${style}</style></head><body><main>`,
    `<h1>${escapeText(title)}</h1>`,
    ...parts,
    "</main></body></html>\n",
  ].join("\n");
}

const style = `
:root { color-scheme: light dark; --paper: #fff; --ink: #211f1c; --faint: #6b655c; --line: #e3ddd3; --wash: #f6f3ee; --good: #2f7d4f; --bad: #b3401a; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1a1917; --ink: #e9e5df; --faint: #a59e93; --line: #3a3732; --wash: #242220; --good: #6cc08b; --bad: #ef8a62; }
}
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; } h3 { font-size: .95rem; margin: 1.2rem 0 .3rem; }
table { border-collapse: collapse; font-size: .85rem; width: 100%; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); text-align: right; font-variant-numeric: tabular-nums; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
td small { display: block; color: var(--faint); white-space: pre; }
figure { margin: 0; } svg { display: block; width: 100%; height: auto; } figcaption, .note { color: var(--faint); font-size: .85rem; }
.scroll { overflow-x: auto; } .warning { border-left: 3px solid var(--bad); padding-left: .75rem; }
.summary { background: var(--wash); border-radius: 6px; padding: .75rem 1rem; } .summary > :first-child { margin-top: 0; } .summary > :last-child { margin-bottom: 0; }
.summary ul { padding-left: 1.1rem; } .summary strong { font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .75rem 0 0; font-size: .85rem; } dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
details > summary { cursor: pointer; margin-top: 1rem; color: var(--faint); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; margin-bottom: 1rem; }
.pair > div { border-top: 2px solid var(--line); padding-top: .3rem; min-width: 0; } .pair > .right { border-color: var(--good); } .pair > .wrong { border-color: var(--bad); }
pre { margin: .2rem 0; font: .8rem/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
@media screen and (max-width: 40rem) { .pair { grid-template-columns: 1fr; } figure svg { min-width: 42rem; } }
@media print {
  @page { margin: 14mm; }
  :root { color-scheme: light; --paper: #fff; --ink: #211f1c; --faint: #6b655c; --line: #e3ddd3; --wash: #f6f3ee; --good: #2f7d4f; --bad: #b3401a; }
  body { margin: 0; padding: 0; max-width: none; font-size: 10pt; }
  h2, h3, h2 + .note { break-after: avoid; } figure, tr, .example, .summary { break-inside: avoid; }
  figcaption, .note, details > summary { font-size: 8pt; } table { font-size: 7.5pt; } th, td { padding: .15rem .3rem; } .scroll { overflow: visible; }
  details::details-content { content-visibility: visible; height: auto; }
  svg, .summary { print-color-adjust: exact; }
}`;

export const escapeText = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** A cell's text, and what stands small below it. */
export type Cell = string | readonly [text: string, note: string];

export function renderTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[], tag: "th" | "td"): string => {
    // What is above the names of rows heads nothing.
    const tagOf = (cell: Cell): string => (cell === "" ? "td" : tag);
    return `<tr>${cells.map((cell) => `<${tagOf(cell)}>${renderCell(cell)}</${tagOf(cell)}>`).join("")}</tr>`;
  };
  return `<div class="scroll" tabindex="0"><table><thead>${line(head, "th")}</thead><tbody>${rows.map((row) => line(row, "td")).join("")}</tbody></table></div>`;
}

function renderCell(cell: Cell): string {
  if (typeof cell === "string") return escapeText(cell);
  return `${escapeText(cell[0])}${cell[1] === "" ? "" : `<small>${escapeText(cell[1])}</small>`}`;
}

/** Drawn under a heading, if it has one, with what it shows below. Nothing where there is no chart. */
export function renderFigure(title: string, svg: string | undefined, caption = ""): string {
  if (svg === undefined) return "";
  const below = caption === "" ? "" : `<figcaption>${escapeText(caption)}</figcaption>`;
  const above = title === "" ? "" : `<h2>${escapeText(title)}</h2>`;
  return `<figure>${above}<div class="scroll" tabindex="0">${svg}</div>${below}</figure>`;
}

/** What is there for those who ask, and on paper. Nothing where there is nothing. */
export const renderFolded = (title: string, ...parts: readonly string[]): string =>
  parts.every((part) => part === "")
    ? ""
    : `<details><summary>${escapeText(title)}</summary>${parts.join("")}</details>`;

export const renderNote = (text: string): string => `<p class="note">${escapeText(text)}</p>`;

export const formatNumber = (value: number | null, digits = 3): string =>
  value === null || Number.isNaN(value) ? "–" : value.toFixed(digits).replace("-", "−");

interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Empty where there is none. */
export const formatInterval = ({ low, high }: Interval): string =>
  Number.isNaN(low) ? "" : `[${formatNumber(low)}, ${formatNumber(high)}]`;
