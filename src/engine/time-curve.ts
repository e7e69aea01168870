/** How much of an observation goes into the curve. */
const weight = 1 / 8;

/**
 * A single hiccup, such as the first pass of a shape, moves a curve no further than if it had been this many times
 * too slow.
 */
const mostStretch = 1.5;

/**
 * How much of the way back to where it began a point goes with each observation made elsewhere. Without it, one that
 * hiccups have made look slow would not be tried again, and never be found to be fast.
 */
const recovery = 1 / 128;

export interface TimePoint {
  readonly size: number;
  /** 0 for what is not known. */
  readonly ms: number;
}

/** Milliseconds by size: straight lines between a few sizes, level beyond them, kept fresh by what is observed. */
export class TimeCurve {
  readonly #sizes: readonly number[];
  readonly #startMs: readonly number[];
  readonly #ms: number[];

  /** @param points by ascending size; a curve without any is not asked for times */
  constructor(points: readonly TimePoint[]) {
    this.#sizes = points.map(({ size }) => size);
    this.#startMs = points.map(({ ms }) => ms);
    this.#ms = [...this.#startMs];
  }

  get points(): readonly TimePoint[] {
    return this.#sizes.map((size, index) => ({ size, ms: this.#ms[index]! }));
  }

  /** 0 while nothing is known. */
  at(size: number): number {
    const left = this.#below(size);
    const share = this.#shareOfNext(left, size);
    return share === 0 ? this.#ms[left]! : (1 - share) * this.#ms[left]! + share * this.#ms[left + 1]!;
  }

  /** The largest size that takes no longer than `ms`; 0 when none does. */
  largestWithin(ms: number): number {
    const last = this.#sizes.length - 1;
    if (this.#ms[last]! <= ms) return this.#sizes[last]!;
    for (let left = last - 1; left >= 0; left--) {
      const start = this.#ms[left]!;
      if (start > ms) continue;
      const share = (ms - start) / (this.#ms[left + 1]! - start);
      return Math.floor(this.#sizes[left]! + share * (this.#sizes[left + 1]! - this.#sizes[left]!));
    }
    return 0;
  }

  /**
   * Moves the two points beside `size` towards what it took, by exponential average. They are scaled, not shifted: a
   * shift that fits the larger of them would take the smaller one below 0.
   */
  observe(size: number, ms: number): void {
    const left = this.#below(size);
    const share = this.#shareOfNext(left, size);
    const expected = this.at(size);
    if (expected === 0) {
      this.#ms.fill(ms);
      return;
    }
    const change = weight * (Math.min(ms / expected, mostStretch) - 1);
    this.#ms[left]! *= 1 + (1 - share) * change;
    if (share > 0) this.#ms[left + 1]! *= 1 + share * change;
    const right = share > 0 ? left + 1 : left;
    for (const [index, start] of this.#startMs.entries()) {
      if (start === 0) this.#putInOrder(index, left, right);
      else if (index < left || index > right) this.#ms[index]! += recovery * (start - this.#ms[index]!);
    }
  }

  /**
   * A point that began with nothing known, after two were observed: no size takes longer than a larger one. Beyond them
   * it goes back to that as if more cost nothing, which is tried then.
   */
  #putInOrder(index: number, left: number, right: number): void {
    const ms = this.#ms;
    if (index < left) ms[index] = Math.min(ms[index]!, ms[left]!);
    if (index > right) ms[index]! += recovery * (ms[right]! - ms[index]!);
    if (index > left) ms[index] = Math.max(ms[index]!, ms[index - 1]!);
  }

  /** Index of the largest size at or below `size`, or 0. */
  #below(size: number): number {
    let left = this.#sizes.length - 1;
    while (left > 0 && this.#sizes[left]! > size) left--;
    return left;
  }

  #shareOfNext(left: number, size: number): number {
    const start = this.#sizes[left]!;
    const next = this.#sizes[left + 1];
    return next === undefined || size <= start ? 0 : (size - start) / (next - start);
  }
}

/** 1, 2, 4, … below `limit`, and `limit`. */
export function powersOfTwo(limit: number): number[] {
  const sizes: number[] = [];
  for (let size = 1; size < limit; size *= 2) sizes.push(size);
  return [...sizes, limit];
}
