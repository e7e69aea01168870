import { PassTimes, chunkSizes, draftSizes } from "./pass-times.ts";
import type { Batch, ModelRunner } from "./runner.ts";
import { powersOfTwo } from "../time-curve.ts";
import type { TimePoint } from "../time-curve.ts";

export interface MeasureOptions {
  /** Measuring stops after so long, once the smallest and the largest passes are known. */
  readonly budgetMs?: number;
  readonly now?: () => number;
}

/** The best of so many counts: what disturbs a pass only makes it longer, and the first ones find nothing compiled. */
const rounds = 25;

/**
 * Times passes of 1, 2, 4, … rows, chunks of 1, 2, 4, … tokens and rows with drafts on the runner itself, round by
 * round, so that whatever disturbs a while hits all sizes alike. A model too slow for the budget runs fewer rounds, or
 * only the smallest and the largest, and rows with drafts beside one without. The lanes hold nothing afterwards.
 * @throws InferenceError `engine_failed` when the runtime fails
 */
export async function measurePassTimes(
  runner: ModelRunner,
  { budgetMs = 1000, now = () => performance.now() }: MeasureOptions = {},
): Promise<PassTimes> {
  const timer = new PassTimer(runner, now);
  const end = now() + budgetMs;
  const rowCounts = powersOfTwo(runner.memory.lanes);
  const chunks = chunkSizes(runner);
  const drafts = draftSizes(runner);
  for (const rows of endsOf(rowCounts)) await timer.timeDecode(rows);
  for (const tokens of [1, ...drafts, 1, ...drafts]) await timer.timeDraft(tokens);
  for (const tokens of endsOf(chunks)) await timer.timePrefill(tokens);
  for (let round = 0; round < rounds; round++) {
    for (const rows of rowCounts) if (now() < end) await timer.timeDecode(rows);
    for (const tokens of [1, ...drafts]) if (now() < end) await timer.timeDraft(tokens);
    for (const tokens of chunks) if (now() < end) await timer.timePrefill(tokens);
  }
  for (let lane = 0; lane < runner.memory.lanes; lane++) runner.memory.truncate(lane, 0);
  return timer.result;
}

/** The best time of each size of pass so far. */
class PassTimer {
  readonly #runner: ModelRunner;
  readonly #now: () => number;
  /** ms by rows, and by tokens. */
  readonly #decode = new Map<number, number>();
  readonly #prefill = new Map<number, number>();
  readonly #draft = new Map<number, number>();

  constructor(runner: ModelRunner, now: () => number) {
    this.#runner = runner;
    this.#now = now;
  }

  get result(): PassTimes {
    return new PassTimes(toPoints(this.#decode), toPoints(this.#prefill), toPoints(this.#draft));
  }

  timeDecode(rows: number): Promise<void> {
    const batch = Array.from({ length: rows }, (_, lane) => ({ lane, tokens: [0], position: 0 }));
    return this.#time(this.#decode, rows, batch);
  }

  timePrefill(tokens: number): Promise<void> {
    const batch = [{ lane: 0, tokens: Array<number>(tokens).fill(0), position: 0 }];
    return this.#time(this.#prefill, tokens, batch);
  }

  /** A row that decodes with a draft is measured after each of its tokens. */
  timeDraft(tokens: number): Promise<void> {
    const row = { lane: 0, tokens: Array<number>(tokens).fill(0), position: 0, measuredFrom: 0 };
    return this.#time(this.#draft, tokens, [row]);
  }

  async #time(best: Map<number, number>, size: number, batch: Batch): Promise<void> {
    const started = this.#now();
    await this.#runner.step(batch);
    best.set(size, Math.min(best.get(size) ?? Infinity, this.#now() - started));
  }
}

/** The first and the last. */
const endsOf = (sizes: readonly number[]): ReadonlySet<number> =>
  new Set([...sizes.slice(0, 1), ...sizes.slice(-1)]);

const toPoints = (msBySize: ReadonlyMap<number, number>): TimePoint[] =>
  [...msBySize].map(([size, ms]) => ({ size, ms })).sort((a, b) => a.size - b.size);
