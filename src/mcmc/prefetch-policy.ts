/** When a step is worth beginning before those in front of it are decided. */

/** What a prefetch would be added to. */
export interface StepsUnderWay {
  /** Steps that are not decided yet, the next one included. */
  readonly count: number;
  /** How many of them the chain is expected to use: Σ (1 − a)^i, a being the share of steps that moved it so far. */
  readonly useful: number;
  /** The chance that the step in question is used: that none before it moves the chain. */
  readonly survival: number;
  /** The chance that it has to wait for the model: that what is remembered does not answer it. */
  readonly waiting: number;
}

/** Whether to begin one more step ahead. */
export type PrefetchPolicy = (underWay: StepsUnderWay) => boolean;

/** What an engine has room for beside its present work. Times are those of a pass with so many rows. */
export interface IdleRows {
  readonly lanes: number;
  /** Rows that other sequences take. */
  readonly others: number;
  readonly passMs: (rows: number) => number;
  /** Tokens that a row alone in its passes settles in the time of one: more than 1 where speculation pays. */
  readonly aloneGain: number;
}

/** What beginning a step costs beside its rows, ms of JavaScript. */
const beginMs = 0.02;

/**
 * A step ahead is worth its rows when a pass with them is expected to settle more per millisecond than one without:
 *
 *     (R + w·k·s) / (w·t(r + k) + (1 − w)·t(r) + (1 − s)·c)  >  R / t(r),    r = o + k·n,  R = o + k·U
 *
 * o rows of other sequences, k rows a step, n steps under way of which U are expected to be used, s the chance that
 * this one is, w that it needs the model, t the time of a pass, c that of beginning a step for nothing. A row that is
 * alone may try several tokens a pass, which a second row puts an end to: the right side is then g times as much, and so
 * is what a pass without the step settles. A chain that
 * moves often has a small s, one whose steps are remembered a small w, a full engine no rows, and a device on which
 * rows cost as much as passes a t that grows as fast as they: all of these switch prefetching off.
 */
export function isWorthItsRows(
  { count, useful, survival, waiting }: StepsUnderWay,
  { lanes, others, passMs, aloneGain }: IdleRows,
  rowsPerStep: number,
): boolean {
  const rows = others + rowsPerStep * count;
  if (rows + rowsPerStep > lanes) return false;
  const without = passMs(rows);
  const settled = others + rowsPerStep * useful;
  const gain = rows === 1 ? aloneGain : 1;
  const addedMs = waiting * (passMs(rows + rowsPerStep) - without) + (1 - survival) * beginMs;
  const forgoneMs = waiting * (gain - 1) * without;
  return waiting * rowsPerStep * survival * without > settled * (gain * addedMs + forgoneMs);
}
