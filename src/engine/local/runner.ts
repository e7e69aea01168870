import type { Distribution } from "../../sampling/distribution.ts";
import { measure } from "../../sampling/measure.ts";
import type { TokenIds } from "../../core/tokens.ts";
import type { KvMemory } from "../../kvcache/kv-memory.ts";

/** The tokens that one lane feeds into a forward pass. */
export interface BatchRow {
  readonly lane: number;
  /** At least one. They follow the `position` tokens already cached in the lane. */
  readonly tokens: TokenIds;
  /** Number of tokens of the lane that are valid before the pass. */
  readonly position: number;
  /** Only fills a gap between rows: its token is the lane's last, run again in place, and its logits are not read. */
  readonly isIdle?: boolean;
  /**
   * The index of the first token whose distribution will be asked for: those from there on are measured along with the
   * pass. None when left out.
   */
  readonly measuredFrom?: number;
  /** The 1/τ they will be asked for. */
  readonly inverseTemperature?: number;
}

/**
 * One forward pass. Rows stand on consecutive lanes, ascending. Either every row has one token, or there is a
 * single row: attention onto a non-empty cache takes several new tokens only alone.
 */
export type Batch = readonly BatchRow[];

/** Logits of a pass. Views into memory that the next `step` overwrites. */
export interface LogitsView {
  /** Next-token logits after token `index` (default: the last) of row `row` of the batch. */
  row(row: number, index?: number): Float32Array;
  /**
   * The next-token distribution after token `index` of row `row`; at no cost where the batch said that it would be asked
   * for.
   * @throws InferenceError `numerical_error` when its logits are not numbers
   */
  distribution(row: number, index: number, inverseTemperature: number): Distribution;
}

/** Logits that are measured in JavaScript, row by row as they are asked for. */
export const viewRows = (row: LogitsView["row"]): LogitsView => ({
  row,
  distribution: (place, index, inverseTemperature) => measure(row(place, index), inverseTemperature),
});

/** One forward pass over lanes of the live cache. `step` calls must not overlap. */
export interface ModelRunner extends AsyncDisposable {
  readonly vocabularySize: number;
  /** The longest row `step` accepts, in tokens. */
  readonly maxRowTokens: number;
  readonly memory: KvMemory;
  /** @throws InferenceError `engine_failed` when the runtime fails. */
  step(batch: Batch): Promise<LogitsView>;
}
