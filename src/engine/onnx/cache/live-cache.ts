import type { PlacedKvMemory, RowWindow } from "../../../kvcache/placed-kv-memory.ts";
import type { Tensor } from "../ort/tensor.ts";

/** One tensor [rows, kvHeads, capacity, headDim] per layer and side; each lane stands in one of the rows. */
export interface LiveCache extends Disposable {
  readonly memory: PlacedKvMemory;
  /**
   * Brings lanes side by side, where a tensor can begin.
   * @returns the window in which they stand, in any order
   */
  place(lanes: readonly number[]): RowWindow;
  /** The given rows of every plane, in the order of the graph's planes. The caller releases them. */
  rows(window: RowWindow): readonly Tensor[];
}

export interface LiveCacheSize {
  readonly lanes: number;
  /** Tokens per lane. */
  readonly capacity: number;
}
