import { threefry4x32 } from "../src/core/random.ts";

/** A sequence of uniforms in [0, 1), named by numbers: the same name gives the same sequence. */
export class Stream {
  readonly #key: readonly [number, number, number, number];
  #next = 0;

  constructor(...name: readonly number[]) {
    const [a = 0, b = 0, c = 0, d = 0] = name;
    this.#key = [a >>> 0, b >>> 0, c >>> 0, d >>> 0];
  }

  uniform(): number {
    const [word] = threefry4x32(this.#key, [this.#next++, 0, 0, 0]);
    return word / 0x1_0000_0000;
  }

  /** An integer in low..high, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.integer(0, items.length - 1)]!;
  }

  /** A standard normal deviate (Box-Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }
}
