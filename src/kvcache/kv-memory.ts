/** Keys and values of consecutive tokens, copied out of the live cache; the layout is the memory's own. */
export interface KvSlice {
  /** Number of tokens held. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** Tokens `from`..`to` (exclusive) of a slice. */
export interface KvPart {
  readonly slice: KvSlice;
  readonly from: number;
  readonly to: number;
}

export const wholeOf = (slice: KvSlice): KvPart => ({ slice, from: 0, to: slice.length });

/**
 * The live cache: one *lane* per sequence, `capacity` tokens each. A lane holds the K/V of its first `length` tokens:
 * passes, writes and copies lengthen it; a pass that begins earlier, and `truncate`, shorten it. Callers move K/V only
 * between forward passes; a running pass owns the memory.
 */
export interface KvMemory {
  readonly lanes: number;
  /** Tokens per lane. */
  readonly capacity: number;
  readonly bytesPerToken: number;
  /** Tokens that a lane holds. */
  length(lane: number): number;
  /**
   * Copies tokens `from`..`to` (exclusive) of a lane out.
   * @throws Error when the lane does not hold them
   */
  read(lane: number, from: number, to: number): KvSlice;
  /**
   * Copies part of a slice into a lane, its first token landing at position `at`. What the lane holds beyond stays.
   * @throws Error when the lane holds fewer than `at` tokens, or has no room
   */
  write(lane: number, at: number, part: KvPart): void;
  /**
   * Copies the first `length` tokens of one lane over another, which holds these alone then.
   * @throws Error when the source does not hold them
   */
  copyLane(source: number, target: number, length: number): void;
  /**
   * Shortens a lane to its first `length` tokens; a row goes on from there.
   * @throws Error when the lane holds fewer
   */
  truncate(lane: number, length: number): void;
}

/** @throws Error when a lane that holds `held` tokens is asked for more, or does not have room for as many */
export function checkHeld(lane: number, held: number, asked: number): void {
  if (asked > held) throw new Error(`lane ${lane} holds ${held} tokens, not ${asked}`);
}

/** @throws Error when a lane of `capacity` tokens is to hold more */
export function checkRoom(lane: number, capacity: number, asked: number): void {
  if (asked > capacity) throw new Error(`lane ${lane} has room for ${capacity} tokens, not ${asked}`);
}
