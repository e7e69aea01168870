/** What a length is believed to do before it was seen: one in so many holds. */
const priorCount = 4;
/** Older observations count half from so many on: a chain's later texts are more alike. */
const mostCount = 64;

/** Upper ends of the classes of match lengths; the last has no end. */
const classEnds = [1, 2, 3, 5, 9];

/** How often the token after a match is the one foretold, by the match's length. */
export class HoldShares {
  readonly #held = Array<number>(classEnds.length + 1).fill(1);
  readonly #seen = Array<number>(classEnds.length + 1).fill(priorCount);

  at(length: number): number {
    const place = classOf(length);
    return this.#held[place]! / this.#seen[place]!;
  }

  observe(length: number, held: boolean): void {
    const place = classOf(length);
    if (this.#seen[place]! >= mostCount) {
      this.#held[place]! /= 2;
      this.#seen[place]! /= 2;
    }
    this.#seen[place]!++;
    if (held) this.#held[place]!++;
  }
}

function classOf(length: number): number {
  const found = classEnds.findIndex((end) => length <= end);
  return found < 0 ? classEnds.length : found;
}
