import type { KvMemory, KvSlice } from "./kv-memory.ts";

export interface CompactKvMemoryOptions {
  /** Layers times two: one for keys and one for values of each. */
  readonly planes: number;
  readonly lanes: number;
  readonly heads: number;
  readonly capacity: number;
  /** Bytes of one token's vector in one head. */
  readonly rowBytes: number;
}

/**
 * A live cache whose lanes hold exactly the tokens they have, [heads, length, rowBytes] per plane, as graphs want
 * it that append by Concat. Slices are laid out [planes, heads, tokens, row].
 */
export class CompactKvMemory implements KvMemory {
  readonly lanes: number;
  readonly capacity: number;
  readonly bytesPerToken: number;
  readonly #heads: number;
  readonly #rowBytes: number;
  /** By lane; one buffer a plane, with room for the whole capacity. */
  readonly #buffers: (readonly Uint8Array[])[];
  readonly #lengths: number[];
  #spare: readonly Uint8Array[];

  constructor({ planes, lanes, heads, capacity, rowBytes }: CompactKvMemoryOptions) {
    this.lanes = lanes;
    this.capacity = capacity;
    this.bytesPerToken = planes * heads * rowBytes;
    this.#heads = heads;
    this.#rowBytes = rowBytes;
    const laneBuffers = (): Uint8Array[] =>
      Array.from({ length: planes }, () => new Uint8Array(new ArrayBuffer(heads * capacity * rowBytes)));
    this.#buffers = Array.from({ length: lanes }, laneBuffers);
    this.#lengths = Array.from({ length: lanes }, () => 0);
    this.#spare = laneBuffers();
  }

  /** The lane's planes, cut to its first `length` tokens. */
  head(lane: number, length: number): readonly Uint8Array[] {
    if (length > this.#lengths[lane]!) {
      throw new Error(`lane ${lane} holds ${this.#lengths[lane]!} tokens, not ${length}`);
    }
    this.#relayout(lane, length);
    return this.#buffers[lane]!;
  }

  /** Where the next K/V of some lane can be written before {@link adopt} makes it that lane's. */
  get spare(): readonly Uint8Array[] {
    return this.#spare;
  }

  /** Gives the lane what was written to `spare`, `length` tokens, and takes its own buffers as the next spare. */
  adopt(lane: number, length: number): void {
    const old = this.#buffers[lane]!;
    this.#buffers[lane] = this.#spare;
    this.#lengths[lane] = length;
    this.#spare = old;
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
    if (at > this.#lengths[lane]!) {
      throw new Error(`lane ${lane} holds ${this.#lengths[lane]!} tokens; none can be written at ${at}`);
    }
    this.#relayout(lane, Math.max(this.#lengths[lane]!, at + to - from));
    const sliceRunBytes = slice.length * this.#rowBytes;
    let source = 0;
    this.#eachRun(lane, at, (plane, start) => {
      plane.set(slice.bytes.subarray(source + from * this.#rowBytes, source + to * this.#rowBytes), start);
      source += sliceRunBytes;
    });
  }

  copyLane(source: number, target: number, length: number): void {
    this.#lengths[target] = 0;
    this.write(target, 0, this.read(source, 0, length), 0, length);
  }

  /** Changes the stride of the heads; tokens that are added hold nothing valid. */
  #relayout(lane: number, length: number): void {
    const old = this.#lengths[lane]!;
    if (length === old) return;
    if (length > this.capacity)
      throw new Error(`lane ${lane} has room for ${this.capacity} tokens, not ${length}`);
    const runBytes = Math.min(old, length) * this.#rowBytes;
    const heads = Array.from({ length: this.#heads }, (_, head) => head);
    // No head may be overwritten before it has moved: growing starts with the last, shrinking with the first.
    if (length > old) heads.reverse();
    for (const plane of this.#buffers[lane]!) {
      for (const head of heads) {
        const start = head * old * this.#rowBytes;
        plane.copyWithin(head * length * this.#rowBytes, start, start + runBytes);
      }
    }
    this.#lengths[lane] = length;
  }

  /** Visits the lane's run of tokens in every plane and head, by the byte where `position` begins. */
  #eachRun(lane: number, position: number, visit: (plane: Uint8Array, start: number) => void): void {
    const length = this.#lengths[lane]!;
    for (const plane of this.#buffers[lane]!) {
      for (let head = 0; head < this.#heads; head++) {
        visit(plane, (head * length + position) * this.#rowBytes);
      }
    }
  }
}
