/**
 * Counter-based randomness: a uniform is a pure function of where it is used, so work done early, late or not
 * at all cannot shift a later draw.
 *
 * The generator is Threefry-4x32-20 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). Key = (seed low, seed high, choice, purpose), counter = (stage, step, position, branch).
 */

/** What a uniform decides; part of its address, so no two decisions share one. */
export const purposes = { token: 0, cut: 1, accept: 2, select: 3, swap: 4, resample: 5, call: 6 } as const;
export type Purpose = keyof typeof purposes;

/** Addresses the draws of one step of one chain. Plain data, so that it can cross to a remote engine. */
export interface DrawKey {
  /** An integer in ±2^53. */
  readonly seed: number;
  /** Index of the completion within its request. */
  readonly choice: number;
  /** Index of the block; 0 for samplers without blocks. */
  readonly stage: number;
  /** 0 while the block is drafted, then 1, 2, … for the steps of the kernel. */
  readonly step: number;
  /** Tells apart what one step draws side by side: tries, replicas, particles. 0 when left out. */
  readonly branch?: number;
}

/**
 * The seed within ±2^53 that draws are addressed by, for one of up to 64 bits: itself where it is within, else mixed so
 * that no two are known to meet.
 */
export function narrowSeed(wide: bigint): number {
  const seed = Number(wide);
  if (Number.isSafeInteger(seed)) return seed;
  const word = (index: number): number => Number(BigInt.asUintN(32, wide >> BigInt(32 * index)));
  const [low, high] = threefry4x32([word(0), word(1), word(2), 0], [0, 0, 0, 0]);
  return (high >>> 11) * 0x1_0000_0000 + low;
}

/** Rotations of the two halves of a round, round by round modulo 8. */
const rotations = Uint8Array.of(10, 26, 11, 21, 13, 27, 23, 5, 6, 20, 17, 11, 25, 10, 18, 20);
const keyParity = 0x1bd11bda;
const rounds = 20;

const rotateLeft = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

export type Words = readonly [number, number, number, number];

/**
 * Reused by every call: a uniform is drawn for every token, and to allocate arrays for it would cost more than to draw
 * it.
 */
const schedule = new Uint32Array(5);
const block = new Uint32Array(4);

/** The Threefry-4x32-20 block function on unsigned 32-bit words. */
export function threefry4x32(key: Words, counter: Words): Words {
  schedule.set(key);
  block.set(counter);
  encipher();
  return [block[0]!, block[1]!, block[2]!, block[3]!];
}

/** The uniform in the open interval (0, 1) that `purpose` uses at `position` of the step named by `key`. */
export function uniform(key: DrawKey, purpose: Purpose, position = 0): number {
  schedule[0] = key.seed >>> 0;
  schedule[1] = Math.floor(key.seed / 0x1_0000_0000) >>> 0;
  schedule[2] = key.choice;
  schedule[3] = purposes[purpose];
  block[0] = key.stage;
  block[1] = key.step;
  block[2] = position;
  block[3] = key.branch ?? 0;
  encipher();
  // 52 bits and a half keep both ends out, so log(u) is always finite.
  return ((block[0] >>> 6) * 0x400_0000 + (block[1] >>> 6) + 0.5) / 0x10_0000_0000_0000;
}

/** Enciphers the counter in `block` by the key in `schedule`. */
function encipher(): void {
  schedule[4] = keyParity ^ schedule[0]! ^ schedule[1]! ^ schedule[2]! ^ schedule[3]!;
  let x0 = (block[0]! + schedule[0]!) | 0;
  let x1 = (block[1]! + schedule[1]!) | 0;
  let x2 = (block[2]! + schedule[2]!) | 0;
  let x3 = (block[3]! + schedule[3]!) | 0;
  // Even rounds mix (0,1) and (2,3), odd rounds (0,3) and (2,1).
  for (let round = 0; round < rounds; round += 2) {
    const first = 2 * (round & 7);
    x0 = (x0 + x1) | 0;
    x1 = rotateLeft(x1, rotations[first]!) ^ x0;
    x2 = (x2 + x3) | 0;
    x3 = rotateLeft(x3, rotations[first + 1]!) ^ x2;
    x0 = (x0 + x3) | 0;
    x3 = rotateLeft(x3, rotations[first + 2]!) ^ x0;
    x2 = (x2 + x1) | 0;
    x1 = rotateLeft(x1, rotations[first + 3]!) ^ x2;
    // The key goes in again after every fourth round.
    if ((round & 3) !== 2) continue;
    const injection = (round + 2) >> 2;
    x0 = (x0 + schedule[injection % 5]!) | 0;
    x1 = (x1 + schedule[(injection + 1) % 5]!) | 0;
    x2 = (x2 + schedule[(injection + 2) % 5]!) | 0;
    x3 = (x3 + schedule[(injection + 3) % 5]! + injection) | 0;
  }
  block[0] = x0;
  block[1] = x1;
  block[2] = x2;
  block[3] = x3;
}
