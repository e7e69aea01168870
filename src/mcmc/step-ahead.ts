/**
 * Prefetching. The steps that follow a rejection set out from the same state, so several may be under way at once, in
 * rows of a pass that would be idle. They are taken in order; what was begun from a state that a step has left is
 * discarded. Since every draw has its own address, the chain is the same, token for token.
 */

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

/** What an engine could do beside what it does. Times are of a pass with so many rows. */
export interface IdleRows {
  readonly lanes: number;
  /** Rows of others. */
  readonly others: number;
  readonly passMs: (rows: number) => number;
}

/** What beginning a step costs beside its rows, ms of JavaScript. */
const beginMs = 0.02;

/**
 * A step ahead is worth its rows when a pass with them is expected to settle more per millisecond than one without:
 *
 *     (R + w·k·s) / (w·t(r + k) + (1 − w)·t(r) + (1 − s)·c)  >  R / t(r),    r = o + k·n,  R = o + k·U
 *
 * o rows of others, k rows a step, n steps under way of which U are expected to be used, s the chance that this one is, w
 * that it needs the model, t the time of a pass, c that of beginning a step for nothing. A chain that moves often has a
 * small s, one whose steps are remembered a small w, a full engine no rows, and a device on which rows cost as much as
 * passes a t that grows as fast as they: all of these switch prefetching off.
 */
export function isWorthItsRows(
  { count, useful, survival, waiting }: StepsUnderWay,
  { lanes, others, passMs }: IdleRows,
  rowsPerStep: number,
): boolean {
  const rows = others + rowsPerStep * count;
  if (rows + rowsPerStep > lanes) return false;
  const without = passMs(rows);
  const settled = others + rowsPerStep * useful;
  const addedMs = waiting * (passMs(rows + rowsPerStep) - without) + (1 - survival) * beginMs;
  return waiting * rowsPerStep * survival * without > settled * addedMs;
}

/** The share of steps of which something is so. Begins as if it had been of one of two. */
class RunningShare {
  #count = 1;
  #steps = 2;

  get value(): number {
    return this.#count / this.#steps;
  }

  observe(isSo: boolean): void {
    this.#steps++;
    if (isSo) this.#count++;
  }
}

/** What a chain's steps were like so far. */
export class StepHabits {
  /** Those that moved the chain. */
  readonly moving = new RunningShare();
  /** Those that had to wait for the model. */
  readonly waiting = new RunningShare();
}

/** A step that runs by itself. */
export interface RunningStep<Result> {
  readonly result: Promise<Result>;
  /** For one whose result nobody wants any more: it is settled soon, and holds nothing. */
  readonly callOff: () => void;
}

/** A step that was begun and not taken yet. */
interface Begun<Result> {
  readonly step: RunningStep<Result>;
  isDecided: boolean;
  /** Whether the event loop turned before it was. */
  hasWaited: boolean;
}

/**
 * Steps less likely to be used are not begun: rows may cost nothing, but a lane, and the K/V that is brought into it, do. Nor
 * are more than so many at once.
 */
const leastSurvival = 0.2;
const mostAhead = 64;

export interface StepsToTake<Result> {
  readonly steps: number;
  /** Begins step 1, 2, … from the chain's present state. */
  readonly begin: (step: number) => RunningStep<Result>;
  /** Whether a step left the chain elsewhere than where it began. */
  readonly hasMoved: (result: Result) => boolean;
  /** No prefetching when left out. */
  readonly prefetch: PrefetchPolicy | undefined;
  readonly habits: StepHabits;
}

/** Yields the result of each step in order. Whoever takes one that moved the chain moves it before asking for the next. */
export async function* stepAhead<Result>({
  steps,
  begin,
  hasMoved,
  prefetch,
  habits,
}: StepsToTake<Result>): AsyncGenerator<Result, void, undefined> {
  let ahead: Begun<Result>[] = [];
  let next = 1;
  const start = (): void => {
    const begun = { step: begin(next++), isDecided: false, hasWaited: false };
    ahead.push(begun);
    const decide = (): void => {
      begun.isDecided = true;
    };
    begun.step.result.then(decide, decide).then(topUp, topUp);
  };
  const topUp = (): void => {
    if (prefetch === undefined) return;
    while (next <= steps && isWanted(ahead, habits, prefetch)) {
      start();
      topUpSoon();
    }
  };
  // A step that a memo answers is decided before the event loop turns; one that is not waits for the model by then.
  let isTopUpDue = false;
  const topUpSoon = (): void => {
    if (prefetch === undefined || isTopUpDue) return;
    isTopUpDue = true;
    setImmediate(() => {
      isTopUpDue = false;
      for (const begun of ahead) begun.hasWaited ||= !begun.isDecided;
      topUp();
    });
  };
  try {
    for (let step = 1; step <= steps; step++) {
      if (ahead.length === 0) start();
      topUpSoon();
      const taken = ahead[0]!;
      const result = await taken.step.result;
      ahead.shift();
      const moved = hasMoved(result);
      habits.moving.observe(moved);
      habits.waiting.observe(taken.hasWaited);
      if (moved) {
        for (const begun of ahead) begun.step.callOff();
        ahead = [];
        next = step + 1;
      }
      yield result;
    }
  } finally {
    next = steps + 1;
    for (const begun of ahead) begun.step.callOff();
    await Promise.allSettled(ahead.map(({ step }) => step.result));
  }
}

function isWanted(
  ahead: readonly Begun<unknown>[],
  { moving, waiting }: StepHabits,
  prefetch: PrefetchPolicy,
): boolean {
  if (ahead.length === 0 || ahead.length >= mostAhead) return false;
  const survivalAt = (offset: number): number => (1 - moving.value) ** offset;
  const survival = survivalAt(ahead.length);
  if (survival < leastSurvival) return false;
  const undecided = ahead.flatMap(({ isDecided }, offset) => (isDecided ? [] : [survivalAt(offset)]));
  if (undecided.length === 0) return false;
  const useful = undecided.reduce((sum, chance) => sum + chance, 0);
  return prefetch({ count: undecided.length, useful, survival, waiting: waiting.value });
}
