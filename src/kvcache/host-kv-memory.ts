import type { KvMemory, KvSlice } from "./kv-memory.ts";

export interface HostKvMemoryOptions {
  /** One per layer and side, each [lanes, heads, capacity, rowBytes] bytes. Borrowed from the runner. */
  readonly planes: readonly Uint8Array[];
  readonly lanes: number;
  readonly heads: number;
  readonly capacity: number;
  /** Bytes of one token's vector in one head. */
  readonly rowBytes: number;
}

/** The live cache in host memory: copies are moves of bytes. Slices are laid out [planes, heads, tokens, row]. */
export class HostKvMemory implements KvMemory {
  readonly lanes: number;
  readonly capacity: number;
  readonly bytesPerToken: number;
  readonly #planes: readonly Uint8Array[];
  readonly #heads: number;
  readonly #rowBytes: number;

  constructor({ planes, lanes, heads, capacity, rowBytes }: HostKvMemoryOptions) {
    this.#planes = planes;
    this.#heads = heads;
    this.#rowBytes = rowBytes;
    this.lanes = lanes;
    this.capacity = capacity;
    this.bytesPerToken = planes.length * heads * rowBytes;
  }

  read(lane: number, from: number, to: number): KvSlice {
    const length = to - from;
    const bytes = new Uint8Array(length * this.bytesPerToken);
    const runBytes = length * this.#rowBytes;
    let target = 0;
    this.#eachRun(lane, from, (plane, start) => {
      bytes.set(plane.subarray(start, start + runBytes), target);
      target += runBytes;
    });
    return { length, bytes };
  }

  // eslint-disable-next-line max-params -- a copy has a place and a range
  write(lane: number, at: number, slice: KvSlice, from: number, to: number): void {
    const sliceRunBytes = slice.length * this.#rowBytes;
    let source = 0;
    this.#eachRun(lane, at, (plane, start) => {
      plane.set(slice.bytes.subarray(source + from * this.#rowBytes, source + to * this.#rowBytes), start);
      source += sliceRunBytes;
    });
  }

  copyLane(source: number, target: number, length: number): void {
    const shift = (target - source) * this.#heads * this.capacity * this.#rowBytes;
    const runBytes = length * this.#rowBytes;
    this.#eachRun(source, 0, (plane, start) => {
      plane.copyWithin(start + shift, start, start + runBytes);
    });
  }

  /** Visits the lane's run of tokens in every plane and head, by the byte where `position` begins. */
  #eachRun(lane: number, position: number, visit: (plane: Uint8Array, start: number) => void): void {
    for (const plane of this.#planes) {
      for (let head = 0; head < this.#heads; head++) {
        visit(plane, ((lane * this.#heads + head) * this.capacity + position) * this.#rowBytes);
      }
    }
  }
}
