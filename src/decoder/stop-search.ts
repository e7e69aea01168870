import { StopMatcher } from "./stop-matcher.ts";

/** What a token adds to the text; hidden where it is special, which answers leave out. */
export interface TextPiece {
  readonly text: string;
  readonly isHidden: boolean;
}

/** Text that no stop string can begin in any more, and the stop string before which it ends, once one was found. */
export interface Found {
  readonly released: string;
  readonly stop: string | undefined;
}

/**
 * Finds the first stop string of a completion: in the text that is shown and, for stop strings that name special
 * tokens, also in the text with these written out.
 */
export class StopSearch {
  readonly #shown: StopMatcher;
  readonly #written: WrittenStops | undefined;
  /** What the search in the shown text has released, and the one in the written text has not. */
  #text = "";
  /** How much of it the other has released, or will have, UTF-16 units. */
  #released = 0;

  /** @param naming those of the stop strings that name special tokens */
  constructor(stops: readonly string[], naming: readonly string[]) {
    this.#shown = new StopMatcher(stops);
    this.#written = naming.length === 0 ? undefined : new WrittenStops(naming);
  }

  push(piece: TextPiece): Found {
    const shown = this.#shown.push(piece.isHidden ? "" : piece.text);
    if (this.#written === undefined) return shown;
    const written = this.#written.push(piece);
    this.#text += shown.released;
    this.#released += written.released;
    if (written.stop !== undefined && shown.stop === undefined) this.#text += this.#shown.flush();
    if (shown.stop !== undefined && (written.stop === undefined || this.#text.length <= this.#released))
      return { released: this.#text, stop: shown.stop };
    const released = this.#text.slice(0, this.#released);
    this.#text = this.#text.slice(released.length);
    this.#released -= released.length;
    return { released, stop: written.stop };
  }

  /** Releases what was held back for a stop string that never came. */
  flush(): string {
    return this.#text + this.#shown.flush();
  }
}

/** Finds stop strings in the text with special tokens written out, and counts what is shown of it. */
class WrittenStops {
  readonly #matcher: StopMatcher;
  /** Of the text that the matcher holds: for each UTF-16 unit, whether it is shown. */
  #shape: boolean[] = [];

  constructor(stops: readonly string[]) {
    this.#matcher = new StopMatcher(stops);
  }

  /** @returns how much of what is shown was released, UTF-16 units */
  push({ text, isHidden }: TextPiece): { readonly released: number; readonly stop: string | undefined } {
    this.#shape.push(...Array<boolean>(text.length).fill(!isHidden));
    const { released, stop } = this.#matcher.push(text);
    return { released: this.#shape.splice(0, released.length).filter(Boolean).length, stop };
  }
}
