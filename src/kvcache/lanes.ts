import { commonPrefixLength } from "../core/prefix.ts";
import type { TokenId, TokenIds } from "../core/tokens.ts";

/** A lane of the live cache and the tokens whose K/V it holds. */
export interface Lane {
  readonly index: number;
  /** Stays truthful after release, so that a later sequence can take over what they share. */
  readonly tokens: TokenId[];
}

/** Which lanes are leased. Moves no K/V itself. */
export class LaneTable {
  readonly #lanes: readonly Lane[];
  readonly #capacity: number;
  /** By lane. */
  readonly #isLeased: boolean[];
  #leased = 0;

  constructor(lanes: number, capacity: number) {
    this.#lanes = Array.from({ length: lanes }, (_, index) => ({ index, tokens: [] }));
    this.#isLeased = this.#lanes.map(() => false);
    this.#capacity = capacity;
  }

  get total(): number {
    return this.#lanes.length;
  }

  get leased(): number {
    return this.#leased;
  }

  at(index: number): Lane {
    const lane = this.#lanes[index];
    if (lane === undefined) throw new RangeError(`no lane ${index} among ${this.total}`);
    return lane;
  }

  /**
   * Leases the free lane that shares the longest prefix with `prefix`; ties go to the lowest, which keeps the
   * batch dense. `undefined` when none is free.
   */
  acquire(prefix: TokenIds): Lane | undefined {
    let best: Lane | undefined;
    let bestShared = -1;
    for (const lane of this.#lanes) {
      if (this.#isLeased[lane.index] === true) continue;
      const shared = commonPrefixLength(lane.tokens, prefix);
      if (shared > bestShared) {
        best = lane;
        bestShared = shared;
      }
    }
    if (best === undefined) return undefined;
    this.#isLeased[best.index] = true;
    this.#leased++;
    return best;
  }

  release({ index }: Lane): void {
    if (this.#isLeased[index] !== true) throw new Error(`lane ${index} was not leased`);
    this.#isLeased[index] = false;
    this.#leased--;
  }

  /** @throws Error naming the broken invariant; run when nothing should be leased. */
  checkIntegrity(expectedLeases: number): void {
    if (this.#leased !== expectedLeases) {
      throw new Error(`${this.#leased} lanes are leased, but ${expectedLeases} sequences hold one`);
    }
    for (const lane of this.#lanes) {
      if (lane.tokens.length > this.#capacity) {
        throw new Error(`lane ${lane.index} claims ${lane.tokens.length} tokens of ${this.#capacity}`);
      }
    }
  }
}
