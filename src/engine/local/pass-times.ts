import type { PassTimesReport } from "../health.ts";
import type { BatchRow, ModelRunner } from "./runner.ts";
import { TimeCurve } from "./time-curve.ts";
import type { TimePoint } from "./time-curve.ts";

/** How long forward passes take by their size: what was measured at the start, kept fresh by every pass since. */
export class PassTimes {
  readonly #decode: TimeCurve;
  readonly #prefill: TimeCurve;

  /** By ascending size; `prefill` is empty where no pass has several tokens. */
  constructor(decode: readonly TimePoint[], prefill: readonly TimePoint[]) {
    this.#decode = new TimeCurve(decode);
    this.#prefill = new TimeCurve(prefill);
  }

  /** Knows nothing before the first passes. */
  static unmeasured(runner: ModelRunner): PassTimes {
    const unknown = (sizes: readonly number[]) => sizes.map((size) => ({ size, ms: 0 }));
    return new PassTimes(unknown(powersOfTwo(runner.memory.lanes)), unknown(chunkSizes(runner)));
  }

  get report(): PassTimesReport {
    return {
      decode: this.#decode.points.map(({ size, ms }) => ({ rows: size, ms })),
      prefill: this.#prefill.points.map(({ size, ms }) => ({ tokens: size, ms })),
    };
  }

  /** ms of a pass with one token in each of so many rows; 0 while nothing is known. */
  decodeMs(rows: number): number {
    return this.#decode.at(rows);
  }

  /** The most tokens of one prompt that a pass of `ms` has room for; 0 when it has none. */
  longestChunkWithin(ms: number): number {
    return this.#prefill.largestWithin(ms);
  }

  /**
   * Takes note of a pass of so many rows of one token, and of a chunk of so many tokens, if any. Where it had both, each is
   * taken to have had the share of it that was expected.
   */
  observe(rows: number, chunkTokens: number, ms: number): void {
    if (chunkTokens === 0) this.#decode.observe(rows, ms);
    else if (rows === 0) this.#observeChunk(chunkTokens, ms);
    else {
      const [decodeMs, chunkMs] = [this.decodeMs(rows), this.#prefill.at(chunkTokens)];
      const decodeShare = decodeMs === 0 ? rows / (rows + chunkTokens) : decodeMs / (decodeMs + chunkMs);
      this.#decode.observe(rows, decodeShare * ms);
      this.#observeChunk(chunkTokens, (1 - decodeShare) * ms);
    }
  }

  /** One of a single token is a row like others. */
  #observeChunk(tokens: number, ms: number): void {
    if (tokens === 1) this.#decode.observe(1, ms);
    else this.#prefill.observe(tokens, ms);
  }
}

export interface MeasureOptions {
  /** Measuring stops after so long, once the smallest and the largest passes are known. */
  readonly budgetMs?: number;
  readonly now?: () => number;
}

/** The best of so many counts: what disturbs a pass only makes it longer, and the first ones find nothing compiled. */
const rounds = 25;

/**
 * Times passes of 1, 2, 4, … rows and chunks of 1, 2, 4, … tokens on the runner itself, round by round, so that whatever
 * disturbs a while hits all sizes alike. A model too slow for the budget runs fewer rounds, or only the smallest and the
 * largest. The lanes hold nothing afterwards.
 * @throws InferenceError `engine_failed` when the runtime fails
 */
export async function measurePassTimes(
  runner: ModelRunner,
  { budgetMs = 1000, now = () => performance.now() }: MeasureOptions = {},
): Promise<PassTimes> {
  const { lanes } = runner.memory;
  const decode = new Map<number, number>();
  const prefill = new Map<number, number>();
  const timePass = async (
    best: Map<number, number>,
    size: number,
    batch: readonly BatchRow[],
  ): Promise<void> => {
    const started = now();
    await runner.step(batch);
    best.set(size, Math.min(best.get(size) ?? Infinity, now() - started));
  };
  const timeDecode = (rows: number): Promise<void> =>
    timePass(
      decode,
      rows,
      Array.from({ length: rows }, (_, lane) => ({ lane, tokens: [0], position: 0 })),
    );
  const timePrefill = (tokens: number): Promise<void> =>
    timePass(prefill, tokens, [{ lane: 0, tokens: Array<number>(tokens).fill(0), position: 0 }]);
  const end = now() + budgetMs;
  const rowCounts = powersOfTwo(lanes);
  const chunks = chunkSizes(runner);
  for (const rows of endsOf(rowCounts)) await timeDecode(rows);
  for (const tokens of endsOf(chunks)) await timePrefill(tokens);
  for (let round = 0; round < rounds; round++) {
    for (const rows of rowCounts) if (now() < end) await timeDecode(rows);
    for (const tokens of chunks) if (now() < end) await timePrefill(tokens);
  }
  for (let lane = 0; lane < lanes; lane++) runner.memory.truncate(lane, 0);
  return new PassTimes(toPoints(decode), toPoints(prefill));
}

/** None where rows have one token each. */
function chunkSizes({ limits: { maxRowTokens }, memory }: ModelRunner): number[] {
  return maxRowTokens === 1 ? [] : powersOfTwo(Math.min(maxRowTokens, memory.capacity));
}

/** 1, 2, 4, … below `limit`, and `limit`. */
function powersOfTwo(limit: number): number[] {
  const sizes: number[] = [];
  for (let size = 1; size < limit; size *= 2) sizes.push(size);
  return [...sizes, limit];
}

/** The first and the last. */
const endsOf = (sizes: readonly number[]): ReadonlySet<number> =>
  new Set([...sizes.slice(0, 1), ...sizes.slice(-1)]);

const toPoints = (msBySize: ReadonlyMap<number, number>): TimePoint[] =>
  [...msBySize].map(([size, ms]) => ({ size, ms })).sort((a, b) => a.size - b.size);
