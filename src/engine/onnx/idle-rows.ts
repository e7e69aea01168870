import { wholeOf } from "../../kvcache/kv-memory.ts";
import type { KvMemory, KvSlice } from "../../kvcache/kv-memory.ts";
import type { BatchRow } from "../local/runner.ts";

/** Any that the model knows. */
const token = 0;

/**
 * Rows of one pass that run although no row of the batch is their lane's. Attention appends to every row: an idle one writes
 * just past what its lane holds. A lane that is full lends its last place, and gets back what stood there.
 */
export class IdleRows {
  readonly #memory: KvMemory;
  readonly #lent: { readonly lane: number; readonly at: number; readonly slice: KvSlice }[] = [];

  constructor(memory: KvMemory) {
    this.#memory = memory;
  }

  /** The row that a lane runs idle. Nothing is asked of its logits. */
  add(lane: number): BatchRow {
    const position = Math.min(this.#memory.length(lane), this.#memory.capacity - 1);
    if (position < this.#memory.length(lane)) {
      const slice = this.#memory.read(lane, position, position + 1);
      this.#lent.push({ lane, at: position, slice });
    }
    return { lane, tokens: [token], position };
  }

  /** Gives lanes back what they lent. The pass is over. */
  restore(): void {
    for (const { lane, at, slice } of this.#lent) this.#memory.write(lane, at, wholeOf(slice));
  }
}
