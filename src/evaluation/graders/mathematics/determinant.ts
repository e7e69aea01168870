import { call } from "./node.ts";
import type { Node } from "./node.ts";
import { Unreadable } from "./reader.ts";

/** Expanded they have up to so many products: 120. */
const maxSize = 5;

/**
 * Expanded by the first row: Σ_j (−1)^j a_{0j} det(the minor of j).
 * @throws Unreadable for what has none, or too many products
 */
export function determinant(rows: readonly (readonly Node[])[]): Node {
  const [first, ...others] = rows;
  if (first === undefined || rows.length > maxSize || rows.some((row) => row.length !== rows.length))
    throw new Unreadable("no determinant");
  if (others.length === 0) return first[0]!;
  return first
    .map((entry, column) => {
      const product = call("*", entry, determinant(others.map((row) => row.toSpliced(column, 1))));
      return column % 2 === 0 ? product : call("neg", product);
    })
    .reduce((sum, term) => call("+", sum, term));
}
