import { TurnQueue } from "../../core/turn-queue.ts";

/**
 * How long work may keep the event loop from turning, ms: short for a client that cancels, long for nearly every walk
 * on remembered prefixes, so that walks that set out together still meet in one pass.
 */
const longestTurnMs = 50;
/** Work shorter than this makes no walk wait: a turn costs, too. */
const shortestTurnMs = 1;

/**
 * How long the pass takes that other sequences wait for, ms; infinite where none does. Walks that keep them from it may
 * take as long as they do, so that they get half of the time.
 */
export type PassMs = () => number;

/**
 * When the event loop turned last, as far as the walks of one memo know. Messages and timers, an abort among them, are
 * heard only when it turns, and passes begin only then.
 */
export class EventLoopTurns {
  readonly #now: () => number;
  #turnedAt: number;
  /** As the walk that waits for a turn last told it. */
  #passMs: PassMs = () => Infinity;
  readonly #queue = new TurnQueue(
    () => this.isDue(this.#passMs),
    () => {
      this.note();
    },
  );

  /** @param now ms on a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#turnedAt = now();
  }

  /** Whether a walk has to let the event loop turn before it goes on. */
  isDue(passMs: PassMs): boolean {
    const ms = this.#now() - this.#turnedAt;
    return ms > longestTurnMs || (ms > shortestTurnMs && ms > passMs());
  }

  /** A walk saw it turn. */
  note(): void {
    this.#turnedAt = this.#now();
  }

  /**
   * A turn of the event loop, the next one where no crowd waits. Walks that wait share it, those of all clients in turn:
   * each on a turn of its own would have them add up. But those that would go on when another turn is due wait for it.
   */
  next(passMs: PassMs, client: string | undefined): Promise<void> {
    this.#passMs = passMs;
    return this.#queue.next(client);
  }
}
