import { TurnQueue } from "../../core/turn-queue.ts";

/**
 * How long work may keep the event loop from turning, ms: short for a client that cancels, long for nearly every walk
 * on remembered prefixes, so that walks that set out together still meet in one pass.
 */
const longestTurnMs = 50;
/** Work shorter than this makes no walk wait: a turn costs, too. */
const shortestTurnMs = 1;

/** Walks that go on in one turn. */
const mostWalks = 64;

/**
 * When the event loop turned last, as far as the walks of one memo know. Messages and timers, an abort among them, are
 * heard only when it turns, and passes begin only then.
 */
export class EventLoopTurns {
  readonly #now: () => number;
  #turnedAt: number;
  readonly #queue = new TurnQueue(mostWalks, () => {
    this.note();
  });

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
   * A turn of the event loop, the next one where no crowd waits. Walks that wait share it: each on a turn of its own would
   * have them add up. But each does some work before it can see that another turn is due, so that hundreds are let go on
   * by and by.
   */
  next(): Promise<void> {
    return this.#queue.next();
  }
}
