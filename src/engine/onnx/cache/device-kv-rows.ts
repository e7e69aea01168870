import type { KvPart, KvSlice } from "../../../kvcache/kv-memory.ts";
import type { KvRows } from "../../../kvcache/placed-kv-memory.ts";
import type { Tensor } from "../ort/tensor.ts";
import type { KvPlace, KvTransfer } from "./kv-transfer.ts";

/** Rows in device memory. Slices that leave it stand in host memory; rows are copied and traded without leaving it. */
export class DeviceKvRows implements KvRows {
  readonly count: number;
  readonly capacity: number;
  readonly bytesPerToken: number;
  readonly #planes: readonly Tensor[];
  readonly #transfer: KvTransfer;

  /** @param planes one per layer and side, [count, kvHeads, capacity, headDim] */
  constructor(planes: readonly Tensor[], transfer: KvTransfer) {
    const [count, , capacity] = planes[0]!.shape;
    this.count = count!;
    this.capacity = capacity!;
    this.bytesPerToken = transfer.bytesPerToken;
    this.#planes = planes;
    this.#transfer = transfer;
  }

  read(row: number, from: number, to: number): KvSlice {
    return this.#transfer.read(this.#place(row), from, to);
  }

  write(row: number, at: number, part: KvPart): void {
    this.#transfer.write(this.#place(row), at, part);
  }

  copy(source: number, target: number, length: number): void {
    this.#transfer.copy(this.#place(source), this.#place(target), length);
  }

  trade(one: number, other: number, length: number): void {
    this.#transfer.swap(this.#place(one), this.#place(other), length);
  }

  #place(row: number): KvPlace {
    return { planes: this.#planes, row };
  }
}
