import type { RowWindow } from "../../../kvcache/placed-kv-memory.ts";

/**
 * Idle rows that cost as much as one trade of places: a row reads its lane's K/V and computes besides, a trade reads and
 * writes that of two lanes.
 */
const idleRowsPerTrade = 4;

/**
 * Chooses the rows that a pass runs: those between its outermost lanes, with idle ones among them, or as many as it has
 * lanes, into which the others trade. Which is cheaper depends on how long lanes will stay together, and no pass tells:
 * so gaps are run idle until that has cost what closing them does, which costs twice the best at most.
 */
export class WindowChooser {
  /** Rows run idle since places were last traded. */
  #idleRows = 0;

  /** @param rows where the lanes of a pass stand, in any order */
  choose(rows: readonly number[]): RowWindow {
    const first = Math.min(...rows);
    const count = Math.max(...rows) - first + 1;
    const idle = count - rows.length;
    if (idle === 0) return { first, count };
    this.#idleRows += idle;
    const dense = densestWindow(rows);
    if (this.#idleRows <= idleRowsPerTrade * dense.trades) return { first, count };
    this.#idleRows = 0;
    return dense.window;
  }
}

/** The window of as many rows as are given that holds most of them, and how many must trade places to stand in it. */
function densestWindow(rows: readonly number[]): { readonly window: RowWindow; readonly trades: number } {
  const count = rows.length;
  const ascending = rows.toSorted((a, b) => a - b);
  // Beginning at the first row, and never further up: there is room for all below the last.
  let [best, most] = [0, 0];
  for (const [index, first] of ascending.entries()) {
    let end = index;
    while (end < count && ascending[end]! < first + count) end++;
    if (end - index > most) [best, most] = [index, end - index];
  }
  const last = ascending[count - 1]!;
  const first = Math.min(ascending[best]!, last + 1 - count);
  return { window: { first, count }, trades: count - most };
}
