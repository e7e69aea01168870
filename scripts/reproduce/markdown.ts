import { readFile, writeFile } from "node:fs/promises";
import { format } from "prettier";
import type { Estimate } from "../../src/evaluation/statistics.ts";

/** A table, its first column to the left and the others to the right. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? "---" : "--:"))), ...rows.map(line)].join(
    "\n",
  );
}

export const figure = (value: number | null, digits = 3): string =>
  value === null || Number.isNaN(value) ? "" : value.toFixed(digits);
export const interval = ({ value, low, high }: Estimate): string =>
  Number.isNaN(value) ? "" : `${figure(value)} [${figure(low)}, ${figure(high)}]`;

const document = "docs/results.md";

/** Writes tables into docs/results.md, each to its place. @throws Error for a table without one */
export async function writeTables(tables: ReadonlyMap<string, string>): Promise<void> {
  const text = fillTables(await readFile(document, "utf8"), tables);
  await writeFile(document, await format(text, { parser: "markdown", printWidth: 110 }));
}

/** Replaces what stands between `<!-- table: NAME -->` and `<!-- end -->`. */
function fillTables(text: string, tables: ReadonlyMap<string, string>): string {
  for (const [name, table] of tables) {
    const place = new RegExp(`(<!-- table: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`);
    if (!place.test(text)) throw new Error(`the document has no place for the table '${name}'`);
    text = text.replace(place, (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`);
  }
  return text;
}
