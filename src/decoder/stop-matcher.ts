/** Finds the first stop string in text that arrives piece by piece. */
export class StopMatcher {
  readonly #stops: readonly string[];
  readonly #longest: number;
  /** Text not yet released: it may be the start of a stop string. */
  #held = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops;
    this.#longest = Math.max(0, ...stops.map((stop) => stop.length));
  }

  /**
   * Takes more text. Releases all that cannot be part of a stop string any more; on a match, exactly what stands
   * before the earliest one.
   */
  push(text: string): { readonly released: string; readonly stop: string | undefined } {
    this.#held += text;
    const match = this.#earliest();
    if (match !== undefined) {
      const released = this.#held.slice(0, match.index);
      this.#held = "";
      return { released, stop: match.stop };
    }
    const keep = this.#heldLength();
    const released = this.#held.slice(0, this.#held.length - keep);
    this.#held = this.#held.slice(this.#held.length - keep);
    return { released, stop: undefined };
  }

  /** Releases what was held back for a stop string that never came. */
  flush(): string {
    const released = this.#held;
    this.#held = "";
    return released;
  }

  #earliest(): { index: number; stop: string } | undefined {
    let best: { index: number; stop: string } | undefined;
    for (const stop of this.#stops) {
      const index = this.#held.indexOf(stop);
      if (index >= 0 && (best === undefined || index < best.index)) best = { index, stop };
    }
    return best;
  }

  /** Length of the longest suffix that is a proper prefix of some stop string. */
  #heldLength(): number {
    for (let length = Math.min(this.#held.length, this.#longest - 1); length > 0; length--) {
      const suffix = this.#held.slice(-length);
      if (this.#stops.some((stop) => stop.startsWith(suffix))) return length;
    }
    return 0;
  }
}
