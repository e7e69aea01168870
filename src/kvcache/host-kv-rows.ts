import type { KvPart, KvSlice } from "./kv-memory.ts";
import type { KvRows } from "./placed-kv-memory.ts";

export interface HostKvRowsOptions {
  /** One per layer and side, each [count, heads, capacity, vectorBytes] bytes. Borrowed from the runner. */
  readonly planes: readonly Uint8Array[];
  readonly count: number;
  readonly heads: number;
  readonly capacity: number;
  /** Bytes of one token's vector in one head. */
  readonly vectorBytes: number;
}

/** Rows in host memory: copies are moves of bytes. Slices are laid out [planes, heads, tokens, vector]. */
export class HostKvRows implements KvRows {
  readonly count: number;
  readonly capacity: number;
  readonly bytesPerToken: number;
  readonly #planes: readonly Uint8Array[];
  readonly #heads: number;
  readonly #vectorBytes: number;
  /** Holds one row's run of a plane and head while two rows trade. */
  readonly #held: Uint8Array;

  constructor({ planes, count, heads, capacity, vectorBytes }: HostKvRowsOptions) {
    this.#planes = planes;
    this.#heads = heads;
    this.#vectorBytes = vectorBytes;
    this.#held = new Uint8Array(capacity * vectorBytes);
    this.count = count;
    this.capacity = capacity;
    this.bytesPerToken = planes.length * heads * vectorBytes;
  }

  read(row: number, from: number, to: number): KvSlice {
    const length = to - from;
    const bytes = new Uint8Array(length * this.bytesPerToken);
    const runBytes = length * this.#vectorBytes;
    let target = 0;
    this.#eachRun(row, from, (plane, start) => {
      bytes.set(plane.subarray(start, start + runBytes), target);
      target += runBytes;
    });
    return { length, bytes };
  }

  write(row: number, at: number, { slice, from, to }: KvPart): void {
    const sliceRunBytes = slice.length * this.#vectorBytes;
    let source = 0;
    this.#eachRun(row, at, (plane, start) => {
      plane.set(
        slice.bytes.subarray(source + from * this.#vectorBytes, source + to * this.#vectorBytes),
        start,
      );
      source += sliceRunBytes;
    });
  }

  copy(source: number, target: number, length: number): void {
    const shift = this.#bytesBetween(source, target);
    const runBytes = length * this.#vectorBytes;
    this.#eachRun(source, 0, (plane, start) => {
      plane.copyWithin(start + shift, start, start + runBytes);
    });
  }

  trade(one: number, other: number, length: number): void {
    const shift = this.#bytesBetween(one, other);
    const runBytes = length * this.#vectorBytes;
    const held = this.#held.subarray(0, runBytes);
    this.#eachRun(one, 0, (plane, start) => {
      held.set(plane.subarray(start, start + runBytes));
      plane.copyWithin(start, start + shift, start + shift + runBytes);
      plane.set(held, start + shift);
    });
  }

  #bytesBetween(row: number, other: number): number {
    return (other - row) * this.#heads * this.capacity * this.#vectorBytes;
  }

  /** Visits the row's run of tokens in every plane and head, by the byte where `position` begins. */
  #eachRun(row: number, position: number, visit: (plane: Uint8Array, start: number) => void): void {
    for (const plane of this.#planes) {
      for (let head = 0; head < this.#heads; head++) {
        visit(plane, ((row * this.#heads + head) * this.capacity + position) * this.#vectorBytes);
      }
    }
  }
}
