import { setImmediate } from "node:timers/promises";

/**
 * How long work may keep the event loop from turning, ms: short for whoever cancels, long for nearly every walk on
 * remembered prefixes, so that those that set out together still meet in one pass.
 */
const longestTurnMs = 50;
/** Shorter than this nobody is made to wait: a turn costs, too. */
const shortestTurnMs = 1;

/** When the event loop turned last, as far as is known here. */
let turnedAt = performance.now();
let turn: Promise<void> | undefined;

/**
 * Messages and timers, an abort among them, are heard only when the event loop turns, and passes begin only then.
 * @param passMs how long the pass takes that others wait for; infinite where nobody does. Work that keeps them from it may
 *   take as long as they do, so that they get half of the time.
 */
export function isTurnDue(passMs: () => number): boolean {
  const ms = performance.now() - turnedAt;
  return ms > longestTurnMs || (ms > shortestTurnMs && ms > passMs());
}

/** Somebody saw it turn. */
export function noteTurn(): void {
  turnedAt = performance.now();
}

/** The next turn of the event loop. All who wait share it: each on a turn of its own would have them add up. */
export function nextTurn(): Promise<void> {
  turn ??= setImmediate().then(() => {
    turn = undefined;
    noteTurn();
  });
  return turn;
}
