import type { KvMemory, KvSlice } from "../../../kvcache/kv-memory.ts";
import type { Batch } from "../../local/runner.ts";
import type { KvPlace, KvTransfer } from "./kv-transfer.ts";
import type { LiveCacheSize } from "./live-cache.ts";
import type { Tensor } from "../ort/tensor.ts";

export interface DeviceKvMemoryOptions extends LiveCacheSize {
  /** One per layer and side, [lanes, kvHeads, capacity, headDim]. */
  readonly planes: readonly Tensor[];
  readonly transfer: KvTransfer;
}

/**
 * The live cache in device memory. Slices that leave it stand in host memory; lanes move among themselves without
 * leaving the device. Which row of the planes holds a lane is its own business.
 */
export class DeviceKvMemory implements KvMemory {
  readonly lanes: number;
  readonly capacity: number;
  readonly bytesPerToken: number;
  readonly #planes: readonly Tensor[];
  readonly #transfer: KvTransfer;
  /** By lane. */
  readonly #rows: number[];
  /** By lane: tokens that may be of use to somebody. */
  readonly #lengths: number[];

  constructor({ lanes, capacity, planes, transfer }: DeviceKvMemoryOptions) {
    this.lanes = lanes;
    this.capacity = capacity;
    this.bytesPerToken = transfer.bytesPerToken;
    this.#planes = planes;
    this.#transfer = transfer;
    this.#rows = Array.from({ length: lanes }, (_, lane) => lane);
    this.#lengths = Array<number>(lanes).fill(0);
  }

  /** Fills the cache with zeros: to attention, K/V that is masked counts for nothing only if it is a number. */
  clear(): void {
    this.#transfer.clear(this.#planes);
    this.#lengths.fill(0);
  }

  read(lane: number, from: number, to: number): KvSlice {
    return this.#transfer.read(this.#place(lane), from, to);
  }

  // eslint-disable-next-line max-params -- a copy has a place and a range
  write(lane: number, at: number, slice: KvSlice, from: number, to: number): void {
    this.#transfer.write(this.#place(lane), at, slice, from, to);
    this.#lengths[lane] = Math.max(this.#lengths[lane]!, at + to - from);
  }

  copyLane(source: number, target: number, length: number): void {
    this.#transfer.copy(this.#place(source), this.#place(target), length);
    this.#lengths[target] = length;
  }

  /**
   * Brings the lanes of a batch into the first rows, for a pass that is about to run.
   * @returns the row of each
   */
  gather(batch: Batch): readonly number[] {
    const inBatch = new Set(batch.map(({ lane }) => lane));
    for (const { lane } of batch) {
      if (this.#rows[lane]! < batch.length) continue;
      const other = this.#rows.findIndex((row, candidate) => row < batch.length && !inBatch.has(candidate));
      this.#swap(lane, other);
    }
    for (const { lane, position, tokens } of batch) this.#lengths[lane] = position + tokens.length;
    return batch.map(({ lane }) => this.#rows[lane]!);
  }

  #swap(lane: number, other: number): void {
    const length = Math.max(this.#lengths[lane]!, this.#lengths[other]!);
    this.#transfer.swap(this.#place(lane), this.#place(other), length);
    const row = this.#rows[lane]!;
    this.#rows[lane] = this.#rows[other]!;
    this.#rows[other] = row;
  }

  #place(lane: number): KvPlace {
    return { planes: this.#planes, row: this.#rows[lane]! };
  }
}
