import type { TokenId, TopTokens } from "../core/tokens.ts";
import type { TokenMask } from "./token-mask.ts";

/** Room for small lists: a buffer for each would cost more than measuring a row of a small vocabulary. */
const slabBytes = 4096;
const bytesPerToken = Float64Array.BYTES_PER_ELEMENT + Int32Array.BYTES_PER_ELEMENT;
let slab = new ArrayBuffer(slabBytes);
let slabEnd = 0;

/** The likeliest tokens as they were found elsewhere, in order; copied. */
export function topOf(ids: Int32Array, logits: Float32Array, logSum: number): TopTokens {
  const top = allocateTop(ids.length);
  top.ids.set(ids);
  for (let rank = 0; rank < logits.length; rank++) top.logprobs[rank] = logits[rank]! - logSum;
  return top;
}

function allocateTop(count: number): TopTokens {
  const bytes = count * bytesPerToken;
  if (slabEnd + bytes > slabBytes) {
    slab = new ArrayBuffer(Math.max(slabBytes, bytes));
    slabEnd = 0;
  }
  const logprobs = new Float64Array(slab, slabEnd, count);
  const ids = new Int32Array(slab, slabEnd + logprobs.byteLength, count);
  slabEnd = Math.ceil((slabEnd + bytes) / 8) * 8;
  return { ids, logprobs };
}

/** Up to this many are kept in order while the row is read; more are found by the bits of their logits. */
const maxInserted = 64;

/** The `count` likeliest tokens of a row without NaN, most likely first; ties go to the lower id. */
export function likeliest(logits: Float32Array, count: number, logSum: number): TopTokens {
  if (count <= maxInserted) return insertLikeliest(logits, count, logSum);
  const ids = sortLikeliest(logits, count);
  return topOf(
    ids,
    Float32Array.from(ids, (id) => logits[id]!),
    logSum,
  );
}

/** One pass over the row, most of whose tokens fail one comparison. */
function insertLikeliest(logits: Float32Array, count: number, logSum: number): TopTokens {
  const best = new Likeliest(count);
  let least = best.least;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (logit <= least) continue;
    least = best.add(id, logit);
  }
  return best.logprobs(logSum);
}

/**
 * The `count` likeliest tokens of some, most likely first; ties go to the lower id. Where there are fewer, others follow in
 * ascending order, as of probability 0.
 * @param count at most 64
 */
export function likeliestOf(logits: Float32Array, some: TokenMask, count: number, logSum: number): TopTokens {
  const best = new Likeliest(count);
  let least = best.least;
  if (2 * some.count < logits.length) {
    some.forEach((id) => {
      const logit = logits[id]!;
      if (!(logit <= least)) least = best.add(id, logit);
    });
  } else {
    // Most of the tokens: the row is read sooner than a list of them.
    for (let id = 0; id < logits.length; id++) {
      const logit = logits[id]!;
      if (logit <= least || !some.has(id)) continue;
      least = best.add(id, logit);
    }
  }
  for (let id = 0; Number.isNaN(least); id++) if (!some.has(id)) least = best.add(id, -Infinity);
  return best.logprobs(logSum);
}

/** The likeliest of tokens that come in ascending order of their ids. */
class Likeliest {
  readonly #top: TopTokens;
  #size = 0;
  /** What a token has to be above to be among them; NaN, below which nothing is, until there are enough. */
  least = NaN;

  constructor(count: number) {
    this.#top = allocateTop(count);
  }

  /** @param logit not at most `least` @returns the new least */
  add(id: TokenId, logit: number): number {
    const { ids, logprobs: values } = this.#top;
    const count = ids.length;
    let rank = this.#size < count ? this.#size++ : count - 1;
    for (; rank > 0 && values[rank - 1]! < logit; rank--) {
      values[rank] = values[rank - 1]!;
      ids[rank] = ids[rank - 1]!;
    }
    values[rank] = logit;
    ids[rank] = id;
    if (this.#size === count) this.least = values[count - 1]!;
    return this.least;
  }

  /** What came as logits, as log-probs. */
  logprobs(logSum: number): TopTokens {
    const { logprobs } = this.#top;
    for (let rank = 0; rank < logprobs.length; rank++) logprobs[rank] = logprobs[rank]! - logSum;
    return this.#top;
  }
}

/** Numbers are sorted natively, pairs by a comparator: a key and an id make one number below 2^53. */
const idSpan = 2 ** 21;

function sortLikeliest(logits: Float32Array, count: number): Int32Array {
  const keys = descendingKeys(logits);
  const last = findCrossing(keys, new Float64Array(keys.length).fill(1), count - 0.5)!;
  const packed = new Float64Array(keys.length);
  let size = 0;
  for (let id = 0; id < keys.length; id++)
    if (keys[id]! <= last.key) packed[size++] = keys[id]! * idSpan + id;
  return Int32Array.from(packed.subarray(0, size).sort().subarray(0, count), (pair) => pair % idSpan);
}

/**
 * The token at which the cumulative weight in descending order of logits (ties by id) exceeds `target`: what a scan of
 * the sorted row would find, without sorting. The last token with a weight where rounding leaves the whole under it;
 * `undefined` when there is no weight at all.
 */
export function selectDescending(
  logits: Float32Array,
  weights: Float64Array,
  target: number,
): TokenId | undefined {
  const keys = descendingKeys(logits);
  const crossing = findCrossing(keys, weights, target);
  if (crossing === undefined) return undefined;
  let cumulative = crossing.before;
  let last: TokenId | undefined;
  for (let id = 0; id < keys.length; id++) {
    if (keys[id] !== crossing.key || weights[id] === 0) continue;
    cumulative += weights[id]!;
    last = id;
    if (target < cumulative) break;
  }
  return last;
}

/**
 * Unsigned integers that ascend as the logits fall. The bits of a float ascend with its value when it is positive and
 * fall when it is negative; −0 counts as 0.
 */
function descendingKeys(logits: Float32Array): Uint32Array {
  const bits = new Int32Array(logits.buffer, logits.byteOffset, logits.length);
  const keys = new Uint32Array(logits.length);
  for (let id = 0; id < keys.length; id++) {
    const value = bits[id]!;
    keys[id] = value >= 0 ? 0x7fff_ffff - value : value === -0x8000_0000 ? 0x7fff_ffff : value;
  }
  return keys;
}

interface Crossing {
  readonly key: number;
  /** The weight of all smaller keys. */
  readonly before: number;
}

/** Digits of a key, the highest first: how far to its right, and how many bits. */
const digits = [
  { shift: 21, width: 11 },
  { shift: 10, width: 11 },
  { shift: 0, width: 10 },
] as const;

/** The key at which the weight of ascending keys exceeds `target`, digit by digit as radix selection does. */
function findCrossing(keys: Uint32Array, weights: Float64Array, target: number): Crossing | undefined {
  let key = 0;
  let before = 0;
  for (const { shift, width } of digits) {
    const size = 2 ** width;
    // Keys whose higher digits are those found so far; a shift by 32 would be one by 0.
    const high = key / 2 ** shift / size;
    const sums = new Float64Array(size);
    for (let id = 0; id < keys.length; id++) {
      const digit = (keys[id]! >>> shift) - high * size;
      if (digit >= 0 && digit < size) sums[digit]! += weights[id]!;
    }
    const found = firstAbove(sums, target - before);
    if (found === undefined) return undefined;
    for (let digit = 0; digit < found; digit++) before += sums[digit]!;
    key += found * 2 ** shift;
  }
  return { key, before };
}

/** The first index whose cumulative sum exceeds the target, else the last with anything in it. */
function firstAbove(sums: Float64Array, target: number): number | undefined {
  let cumulative = 0;
  let last: number | undefined;
  for (let index = 0; index < sums.length; index++) {
    if (sums[index] === 0) continue;
    cumulative += sums[index]!;
    last = index;
    if (target < cumulative) break;
  }
  return last;
}
