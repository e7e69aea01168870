import { checkHeld, checkRoom } from "./kv-memory.ts";
import type { KvMemory, KvPart, KvSlice } from "./kv-memory.ts";

/** Planes in which K/V stands by rows, with room for `capacity` tokens in each. They know no lanes and no lengths. */
export interface KvRows {
  readonly count: number;
  /** Tokens per row. */
  readonly capacity: number;
  readonly bytesPerToken: number;
  read(row: number, from: number, to: number): KvSlice;
  write(row: number, at: number, part: KvPart): void;
  /** Copies the first `length` tokens of one row over another's. */
  copy(source: number, target: number, length: number): void;
  /** Lets two rows trade their first `length` tokens. */
  trade(one: number, other: number, length: number): void;
}

/** Consecutive rows. */
export interface RowWindow {
  readonly first: number;
  readonly count: number;
}

/** A live cache whose lanes stand in rows, one in each, and trade them where a pass wants its lanes side by side. */
export class PlacedKvMemory implements KvMemory {
  readonly lanes: number;
  readonly capacity: number;
  readonly bytesPerToken: number;
  readonly #rows: KvRows;
  /** By lane. */
  readonly #rowOf: number[];
  /** By row. */
  readonly #laneAt: number[];
  /** By lane. */
  readonly #lengths: number[];

  constructor(rows: KvRows) {
    this.#rows = rows;
    this.lanes = rows.count;
    this.capacity = rows.capacity;
    this.bytesPerToken = rows.bytesPerToken;
    this.#rowOf = Array.from({ length: rows.count }, (_, lane) => lane);
    this.#laneAt = [...this.#rowOf];
    this.#lengths = Array<number>(rows.count).fill(0);
  }

  length(lane: number): number {
    return this.#lengths[lane]!;
  }

  read(lane: number, from: number, to: number): KvSlice {
    checkHeld(lane, this.length(lane), to);
    return this.#rows.read(this.rowOf(lane), from, to);
  }

  write(lane: number, at: number, part: KvPart): void {
    checkHeld(lane, this.length(lane), at);
    const end = at + part.to - part.from;
    checkRoom(lane, this.capacity, end);
    this.#rows.write(this.rowOf(lane), at, part);
    this.#lengths[lane] = Math.max(this.length(lane), end);
  }

  copyLane(source: number, target: number, length: number): void {
    checkHeld(source, this.length(source), length);
    this.#rows.copy(this.rowOf(source), this.rowOf(target), length);
    this.#lengths[target] = length;
  }

  truncate(lane: number, length: number): void {
    checkHeld(lane, this.length(lane), length);
    this.#lengths[lane] = length;
  }

  rowOf(lane: number): number {
    return this.#rowOf[lane]!;
  }

  laneAt(row: number): number {
    return this.#laneAt[row]!;
  }

  /** Notes that a pass wrote a lane's K/V, of which its first `length` tokens are to stay. */
  settle(lane: number, length: number): void {
    this.#lengths[lane] = length;
  }

  /**
   * Brings lanes into a window with room for them, where they trade places with the emptiest of the lanes that stand
   * there.
   */
  gather(lanes: readonly number[], { first, count }: RowWindow): void {
    const isInside = (lane: number): boolean => this.rowOf(lane) >= first && this.rowOf(lane) < first + count;
    for (const lane of lanes) {
      if (isInside(lane)) continue;
      const others = this.#laneAt.slice(first, first + count).filter((other) => !lanes.includes(other));
      const [emptiest] = others.sort((a, b) => this.length(a) - this.length(b));
      if (emptiest === undefined) throw new Error(`${count} rows have no room for ${lanes.length} lanes`);
      this.#trade(lane, emptiest);
    }
  }

  #trade(lane: number, other: number): void {
    const [row, otherRow] = [this.rowOf(lane), this.rowOf(other)];
    const [length, otherLength] = [this.length(lane), this.length(other)];
    if (otherLength === 0) this.#rows.copy(row, otherRow, length);
    else if (length === 0) this.#rows.copy(otherRow, row, otherLength);
    else this.#rows.trade(row, otherRow, Math.max(length, otherLength));
    this.#rowOf[lane] = otherRow;
    this.#rowOf[other] = row;
    this.#laneAt[row] = other;
    this.#laneAt[otherRow] = lane;
  }
}
