import { wholeOf } from "../../kvcache/kv-memory.ts";
import type { KvMemory, KvSlice } from "../../kvcache/kv-memory.ts";
import type { Batch, BatchRow } from "../local/runner.ts";

/** Any that the model knows. */
const token = 0;

/**
 * Rows that one pass of fixed shape runs for lanes that the batch has none for. Attention appends to every row: an idle
 * one writes just past what its lane holds. A lane that is full lends its last place, and gets back what stood there.
 */
export class IdleRows {
  readonly #memory: KvMemory;
  readonly #lent: { readonly lane: number; readonly at: number; readonly slice: KvSlice }[] = [];

  constructor(memory: KvMemory) {
    this.#memory = memory;
  }

  /** The batch with a row for every lane. No logits are asked of the rows that are added. */
  addTo(batch: Batch): Batch {
    const busy = new Set(batch.map(({ lane }) => lane));
    const lanes = Array.from({ length: this.#memory.lanes }, (_, lane) => lane);
    return [...batch, ...lanes.filter((lane) => !busy.has(lane)).map((lane) => this.#idle(lane))];
  }

  /** Gives lanes back what they lent. The pass is over. */
  restore(): void {
    for (const { lane, at, slice } of this.#lent) this.#memory.write(lane, at, wholeOf(slice));
  }

  #idle(lane: number): BatchRow {
    const held = this.#memory.length(lane);
    const position = Math.min(held, this.#memory.capacity - 1);
    if (position < held) {
      this.#lent.push({ lane, at: position, slice: this.#memory.read(lane, position, held) });
    }
    return { lane, tokens: [token], position };
  }
}
