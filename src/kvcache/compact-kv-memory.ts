import { checkHeld, checkRoom, wholeOf } from "./kv-memory.ts";
import type { KvMemory, KvPart, KvSlice } from "./kv-memory.ts";

export interface CompactKvMemoryOptions {
  /** Layers times two: one for keys and one for values of each. */
  readonly planes: number;
  readonly lanes: number;
  readonly heads: number;
  readonly capacity: number;
  /** Bytes of one token's vector in one head. */
  readonly vectorBytes: number;
}

/**
 * A live cache whose lanes hold exactly the tokens they have, [heads, length, vectorBytes] per plane, as graphs that
 * append by Concat want it. Slices are laid out [planes, heads, tokens, vector].
 */
export class CompactKvMemory implements KvMemory {
  readonly lanes: number;
  readonly capacity: number;
  readonly bytesPerToken: number;
  readonly #heads: number;
  readonly #vectorBytes: number;
  /** By lane; one buffer a plane, with room for the whole capacity. */
  readonly #buffers: (readonly Uint8Array[])[];
  readonly #lengths: number[];
  #spare: readonly Uint8Array[];

  constructor({ planes, lanes, heads, capacity, vectorBytes }: CompactKvMemoryOptions) {
    this.lanes = lanes;
    this.capacity = capacity;
    this.bytesPerToken = planes * heads * vectorBytes;
    this.#heads = heads;
    this.#vectorBytes = vectorBytes;
    const laneBuffers = (): Uint8Array[] =>
      Array.from({ length: planes }, () => new Uint8Array(new ArrayBuffer(heads * capacity * vectorBytes)));
    this.#buffers = Array.from({ length: lanes }, laneBuffers);
    this.#lengths = Array.from({ length: lanes }, () => 0);
    this.#spare = laneBuffers();
  }

  /** The lane's planes; it is truncated to its first `length` tokens. */
  head(lane: number, length: number): readonly Uint8Array[] {
    this.truncate(lane, length);
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

  length(lane: number): number {
    return this.#lengths[lane]!;
  }

  read(lane: number, from: number, to: number): KvSlice {
    checkHeld(lane, this.length(lane), to);
    const length = to - from;
    const bytes = new Uint8Array(length * this.bytesPerToken);
    const runBytes = length * this.#vectorBytes;
    let target = 0;
    this.#eachRun(lane, from, (plane, start) => {
      bytes.set(plane.subarray(start, start + runBytes), target);
      target += runBytes;
    });
    return { length, bytes };
  }

  write(lane: number, at: number, { slice, from, to }: KvPart): void {
    checkHeld(lane, this.length(lane), at);
    this.#relayout(lane, Math.max(this.length(lane), at + to - from));
    const sliceRunBytes = slice.length * this.#vectorBytes;
    let source = 0;
    this.#eachRun(lane, at, (plane, start) => {
      plane.set(
        slice.bytes.subarray(source + from * this.#vectorBytes, source + to * this.#vectorBytes),
        start,
      );
      source += sliceRunBytes;
    });
  }

  copyLane(source: number, target: number, length: number): void {
    const slice = this.read(source, 0, length);
    this.truncate(target, 0);
    this.write(target, 0, wholeOf(slice));
  }

  truncate(lane: number, length: number): void {
    checkHeld(lane, this.length(lane), length);
    this.#relayout(lane, length);
  }

  /** Changes the stride of the heads; tokens that are added hold nothing valid. */
  #relayout(lane: number, length: number): void {
    const old = this.#lengths[lane]!;
    if (length === old) return;
    checkRoom(lane, this.capacity, length);
    const runBytes = Math.min(old, length) * this.#vectorBytes;
    const heads = Array.from({ length: this.#heads }, (_, head) => head);
    // No head may be overwritten before it has moved: growing starts with the last, shrinking with the first.
    if (length > old) heads.reverse();
    for (const plane of this.#buffers[lane]!) {
      for (const head of heads) {
        const start = head * old * this.#vectorBytes;
        plane.copyWithin(head * length * this.#vectorBytes, start, start + runBytes);
      }
    }
    this.#lengths[lane] = length;
  }

  /** Visits the lane's run of tokens in every plane and head, by the byte where `position` begins. */
  #eachRun(lane: number, position: number, visit: (plane: Uint8Array, start: number) => void): void {
    const length = this.#lengths[lane]!;
    for (const plane of this.#buffers[lane]!) {
      for (let head = 0; head < this.#heads; head++) {
        visit(plane, (head * length + position) * this.#vectorBytes);
      }
    }
  }
}
