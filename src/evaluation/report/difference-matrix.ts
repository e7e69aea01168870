import type { Summary } from "../summary.ts";
import { labelSpace, renderSvg, width } from "./chart.ts";
import { escapeText } from "./page.ts";

const headHeight = 26;

/** Beyond this a cell's colour is at its strongest. */
const strongest = 0.25;

/**
 * Paired differences of pass@1, row less column, as one matrix: the colour says which way and how far, bold type that
 * the interval leaves out 0.
 * @returns nothing where there is nothing to compare
 */
export function drawDifferences(summaries: readonly Summary[]): string | undefined {
  if (summaries.length < 2) return undefined;
  const names = summaries.map(({ label }, index) => `${index + 1}  ${label}`);
  const left = Math.min(labelSpace(names), 0.42 * width);
  const cell = (width - left) / summaries.length;
  // An interval in one line where there is room, else in two.
  const isWide = cell >= 62;
  const rowHeight = isWide ? 34 : 44;
  const size = Math.min(11.5, cell / 3.7);
  const head = summaries.map(
    (_, column) =>
      `<text x="${middle(column)}" y="17" text-anchor="middle" font-size="12">${column + 1}</text>`,
  );
  function middle(column: number): string {
    return (left + (column + 0.5) * cell).toFixed(1);
  }
  const lines = summaries.map(({ differences }, row) => {
    const y = headHeight + row * rowHeight;
    const name = `<text x="4" y="${y + 21}" font-size="12">${escapeText(fit(names[row]!, left))}</text>`;
    const cells = summaries.map(({ label }, column) => {
      const estimate = differences.find(({ to }) => to === label)?.estimate;
      if (estimate === undefined) return "";
      const { value, low, high } = estimate;
      const isTold = low > 0 || high < 0;
      const strength = Math.min(1, Math.abs(value) / strongest);
      const box = `<rect x="${(left + column * cell + 1).toFixed(1)}" y="${y + 1}" width="${(cell - 2).toFixed(1)}" height="${rowHeight - 2}" rx="2" fill="${value < 0 ? "#d9622b" : "#3f78c4"}" fill-opacity="${(0.06 + 0.5 * strength).toFixed(2)}"/>`;
      const put = (line: string, at: number, style: string): string =>
        `<text x="${middle(column)}" y="${y + at}" text-anchor="middle" ${style}>${line}</text>`;
      const ends = Number.isNaN(low) ? [] : [signed(low, 2), signed(high, 2)];
      const notes = isWide && ends.length > 0 ? [ends.join(" to ")] : ends;
      return [
        box,
        put(signed(value, 3), 16, `font-size="${size.toFixed(1)}" font-weight="${isTold ? 700 : 400}"`),
        ...notes.map((line, index) =>
          put(line, 28 + 10 * index, `font-size="${(0.8 * size).toFixed(1)}" fill-opacity="0.75"`),
        ),
      ].join("");
    });
    return name + cells.join("");
  });
  return renderSvg(headHeight + summaries.length * rowHeight + 4, head.join("") + lines.join(""));
}

const signed = (value: number, digits: number): string =>
  `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits).replace(/^0/, "")}`;

function fit(name: string, space: number): string {
  const most = Math.floor((space - 8) / 6.4);
  return name.length <= most ? name : `${name.slice(0, most - 1)}…`;
}
