/** Keys and values of consecutive tokens, copied out of the live cache; the layout is the memory's own. */
export interface KvSlice {
  /** Number of tokens held. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

/**
 * The live cache: one row (*lane*) per sequence, `capacity` tokens each. Callers move K/V only between forward
 * passes; a running pass owns the memory.
 */
export interface KvMemory {
  readonly lanes: number;
  /** Tokens per lane. */
  readonly capacity: number;
  readonly bytesPerToken: number;
  /** Copies tokens `from`..`to` (exclusive) of a lane out. */
  read(lane: number, from: number, to: number): KvSlice;
  /** Copies tokens `from`..`to` of `slice` into `lane`, the first landing at position `at`. */
  write(lane: number, at: number, slice: KvSlice, from: number, to: number): void;
  /** Copies the first `length` tokens of one lane over another's. */
  copyLane(source: number, target: number, length: number): void;
}
