import { uniform } from "../core/random.ts";
import type { DrawKey } from "../core/random.ts";
import type { StepDraws } from "./kernel.ts";

/** The uniforms of one step by their addresses, each computed where it is asked for. */
export class KeyedDraws implements StepDraws {
  readonly #key: DrawKey;

  constructor(key: DrawKey) {
    this.#key = key;
  }

  get cut(): number {
    return uniform(this.#key, "cut");
  }

  get accept(): number {
    return uniform(this.#key, "accept");
  }

  get select(): number {
    return uniform(this.#key, "select");
  }

  get swap(): number {
    return uniform(this.#key, "swap");
  }
}
