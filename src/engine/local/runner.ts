import type { Distribution } from "../../sampling/distribution.ts";
import { measure } from "../../sampling/measure.ts";
import type { TokenIds } from "../../core/tokens.ts";
import type { KvMemory } from "../../kvcache/kv-memory.ts";
import type { Reproducibility } from "../engine.ts";
import type { ProductType } from "../health.ts";

/** The tokens that one lane feeds into a forward pass. */
export interface BatchRow {
  readonly lane: number;
  /** At least one. They follow the first `position` tokens that the lane holds; what it holds beyond is forgotten. */
  readonly tokens: TokenIds;
  /** At most the tokens that the lane holds before the pass. */
  readonly position: number;
  /**
   * The index of the first token after which the caller will ask for the distribution: from there on they are measured
   * along with the pass. None when left out; the last token has logits all the same, those before may have none.
   */
  readonly measuredFrom?: number;
  /** The 1/τ at which the caller will ask for them. */
  readonly inverseTemperature?: number;
  /** Whether the caller will ask for the sums of self-certainty too. */
  readonly wantsLogitSums?: boolean;
}

/** After how many of its tokens a row has logits: from the first measured on, and after the last in any case. */
export const logitsOf = ({ tokens: { length }, measuredFrom = length }: BatchRow): number =>
  length - Math.min(measuredFrom, length - 1);

/** One forward pass: rows of different lanes, in any order, within the runner's limits. */
export type Batch = readonly BatchRow[];

/** What may share a pass of a runner. */
export interface PassLimits {
  /** Most tokens of one row. */
  readonly maxRowTokens: number;
  /** Most tokens of all rows together, as `roomOf` counts them; enough for one token of each lane. */
  readonly maxTokens: number;
  /** Most tokens of one row that the caller may ask for the distribution after. */
  readonly maxRowLogits: number;
  /** Most of all rows together, as `roomOf` counts them; enough for one of each lane. */
  readonly maxLogits: number;
  /**
   * `alone`: a row of several tokens has the pass to itself. `fresh`: it shares the pass with rows that, like it, begin
   * with the first token of their lane: attention takes several tokens onto a cache that is not empty in a batch of one
   * only. `any`: with rows of any length, wherever they begin.
   */
  readonly longRows: "alone" | "fresh" | "any";
}

/** What rows take of a pass that has room for so many tokens, or logits: as much each as the largest, unless they run one by one. */
export function roomOf(counts: readonly number[], { longRows }: Pick<PassLimits, "longRows">): number {
  if (longRows === "any") return counts.reduce((sum, count) => sum + count, 0);
  return counts.length * Math.max(0, ...counts);
}

/** Logits of a pass. Views into memory that the next `step` overwrites. */
export interface LogitsView {
  /** Next-token logits after token `index` (default: the last) of row `row` of the batch. */
  row(row: number, index?: number): Float32Array;
  /**
   * The next-token distribution after token `index` of row `row`; at no cost where the batch said that it would be
   * asked for.
   * @throws InferenceError `numerical_error` when its logits are not numbers
   */
  distribution(row: number, index: number, inverseTemperature: number): Distribution;
}

/** Logits that are measured in JavaScript, row by row as they are asked for. */
export const viewRows = (row: LogitsView["row"]): LogitsView => ({
  row,
  distribution: (place, index, inverseTemperature) => measure(row(place, index), inverseTemperature),
});

/**
 * One forward pass over lanes of the live cache. Where lanes stand in memory, and what a pass runs besides the rows
 * that it is given, is the runner's own business. `step` calls must not overlap.
 */
export interface ModelRunner extends AsyncDisposable {
  readonly vocabularySize: number;
  readonly limits: PassLimits;
  readonly memory: KvMemory;
  readonly compute: ProductType;
  readonly reproducibility: Reproducibility;
  /**
   * Each lane then holds the tokens up to its row's last; other lanes hold what they held.
   * @throws Error when the batch is beyond the limits
   * @throws InferenceError `engine_failed` when the runtime fails
   */
  step(batch: Batch): Promise<LogitsView>;
}
