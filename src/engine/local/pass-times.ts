import type { PassTimesReport } from "../health.ts";
import type { ModelRunner } from "./runner.ts";
import { TimeCurve, powersOfTwo } from "../time-curve.ts";
import type { TimePoint } from "../time-curve.ts";

/** How long forward passes take by their size: what was measured at the start, kept fresh by every pass since. */
export class PassTimes {
  readonly #decode: TimeCurve;
  readonly #prefill: TimeCurve;
  /** A lone row that decodes and tries a draft, in times of one that does not: passes slow down and speed up together. */
  readonly #rowCost: TimeCurve;

  /**
   * By ascending size; `prefill` is empty where no pass has several tokens.
   * @param drafts rows of several tokens, each of which is measured, and of one; nothing is tried where it is empty
   */
  constructor(
    decode: readonly TimePoint[],
    prefill: readonly TimePoint[],
    drafts: readonly TimePoint[] = [],
  ) {
    this.#decode = new TimeCurve(decode);
    this.#prefill = new TimeCurve(prefill);
    const oneMs = drafts[0]?.ms ?? 1;
    const costs = drafts.map(({ size, ms }) => ({ size, ms: ms / oneMs }));
    this.#rowCost = new TimeCurve(drafts.length === 0 ? [{ size: 1, ms: 1 }] : costs);
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

  /**
   * ms of a pass with so many tokens of one prompt, or of several that run together; 0 while nothing is known. Beyond the
   * longest chunk tokens cost what they do in that.
   */
  prefillMs(tokens: number): number {
    return tokens === 1 ? this.#decode.at(1) : this.#prefill.at(tokens) * this.#longestChunks(tokens);
  }

  /** So many tokens in longest chunks; 1 where they are no more than one. */
  #longestChunks(tokens: number): number {
    return Math.max(1, tokens / (this.#prefill.points.at(-1)?.size ?? tokens));
  }

  /**
   * The least tokens of a prompt, a power of two, that cost no more than twice what they cost in the largest chunk. By
   * the lines between what was measured: of a slow model that is the smallest and the largest chunk.
   */
  get leastChunk(): number {
    const { size: most, ms } = this.#prefill.points.at(-1)!;
    return powersOfTwo(most).find((size) => this.#prefill.at(size) / size <= (2 * ms) / most)!;
  }

  /** What a lone row of so many tokens takes, in times of a row of one; infinite where that is not known. */
  rowCost(tokens: number): number {
    const largest = this.#rowCost.points.at(-1)!.size;
    return tokens > largest ? Infinity : this.#rowCost.at(tokens);
  }

  /** Takes note of a pass of a lone row that decodes, with a draft or without. */
  observeAlone(tokens: number, ms: number): void {
    if (tokens === 1) this.#decode.observe(1, ms);
    const oneMs = this.decodeMs(1);
    // A pass of one token moves nothing but what hiccups did to the others.
    if (oneMs > 0) this.#rowCost.observe(tokens, tokens === 1 ? 1 : ms / oneMs);
  }

  /** The most tokens of one prompt that a pass of `ms` has room for; 0 when it has none. */
  longestChunkWithin(ms: number): number {
    return this.#prefill.largestWithin(ms);
  }

  /**
   * Takes note of a pass of so many rows of one token, and of chunks of so many tokens, if any. Where it had both,
   * each is taken to have had the share of it that was expected.
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

  /** A chunk of a single token counts as a row. */
  #observeChunk(tokens: number, ms: number): void {
    if (tokens === 1) this.#decode.observe(1, ms);
    else this.#prefill.observe(tokens, ms / this.#longestChunks(tokens));
  }
}

/** None where rows have one token each. */
export function chunkSizes({ limits: { maxRowTokens }, memory }: ModelRunner): number[] {
  return maxRowTokens === 1 ? [] : powersOfTwo(Math.min(maxRowTokens, memory.capacity));
}

/** Of rows that try a draft: where the curve bends, and the longest. */
export function draftSizes({ limits: { maxRowTokens, maxRowLogits }, memory }: ModelRunner): number[] {
  return [5, 9].filter((size) => size <= Math.min(maxRowTokens, maxRowLogits, memory.capacity));
}
