import { setImmediate } from "node:timers/promises";

/**
 * How long work may keep the event loop from turning, ms: short for a client that cancels, long for nearly every walk
 * on remembered prefixes, so that walks that set out together still meet in one pass.
 */
const longestTurnMs = 50;
/** Work shorter than this makes no walk wait: a turn costs, too. */
const shortestTurnMs = 1;

/**
 * When the event loop turned last, as far as the walks of one memo know. Messages and timers, an abort among them, are
 * heard only when it turns, and passes begin only then.
 */
export class EventLoopTurns {
  readonly #now: () => number;
  #turnedAt: number;
  #turn: Promise<void> | undefined;

  /** @param now ms on a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#turnedAt = now();
  }

  /**
   * Whether a walk has to let the event loop turn before it goes on.
   * @param passMs how long the pass takes that other sequences wait for; infinite where none does. Walks that keep them
   *   from it may take as long as they do, so that they get half of the time.
   */
  isDue(passMs: () => number): boolean {
    const ms = this.#now() - this.#turnedAt;
    return ms > longestTurnMs || (ms > shortestTurnMs && ms > passMs());
  }

  /** A walk saw it turn. */
  note(): void {
    this.#turnedAt = this.#now();
  }

  /**
   * The next turn of the event loop. All walks that wait share it: each on a turn of its own would have them add up.
   */
  next(): Promise<void> {
    this.#turn ??= setImmediate().then(() => {
      this.#turn = undefined;
      this.note();
    });
    return this.#turn;
  }
}
