import type { TokenId, TokenIds } from "../../core/tokens.ts";
import type { FollowedText, Foretold } from "../said.ts";
import { longestMatch, noEntry } from "./suffix-index.ts";
import type { Entry, SuffixIndex } from "./suffix-index.ts";

/** A text that grows: adds to the index what is said in it, and is foretold by it. */
export class ForetoldText implements FollowedText {
  readonly #index: SuffixIndex;
  readonly #text: TokenIds;
  /** Tokens of the text that were taken note of. */
  #noted = 0;
  /** The last of those; `noEntry` where the text begins. */
  #last: Entry = noEntry;
  /** What is foretold; `noEntry` where it has to be looked for. */
  #next: Entry = noEntry;
  #matched = 0;
  /** Of the index, when it was begun there. */
  #generation!: number;

  /** @param text grows from outside */
  constructor(index: SuffixIndex, text: TokenIds) {
    this.#index = index;
    this.#text = text;
    this.#begin(index.open());
  }

  foretell(most: number): Foretold | undefined {
    this.note();
    if (this.#next === noEntry) this.#look();
    if (this.#next === noEntry) return undefined;
    const tokens: TokenId[] = [];
    for (let entry = this.#next; entry !== noEntry && tokens.length < most; entry = this.#index.after(entry))
      tokens.push(this.#index.tokenOf(entry));
    return { tokens, matched: this.#matched, holds: this.#holds };
  }

  readonly #holds = (matched: number): number => this.#index.holds.at(matched);

  note(): void {
    const generation = this.#index.open();
    if (generation !== this.#generation) this.#begin(generation);
    while (this.#noted < this.#text.length) this.#note(this.#text[this.#noted++]!);
  }

  #note(token: TokenId): void {
    const next = this.#next;
    if (next !== noEntry) {
      const held = this.#index.tokenOf(next) === token;
      this.#index.holds.observe(this.#matched, held);
      this.#next = held ? this.#index.after(next) : noEntry;
      this.#matched = held ? this.#matched + 1 : 0;
      // What it goes on like is there already.
      if (held && this.#last !== noEntry && this.#index.after(this.#last) === next) {
        this.#last = next;
        return;
      }
    }
    this.#last = this.#index.add(token, this.#last);
  }

  #look(): void {
    const match = this.#index.find(this.#text, true);
    this.#next = match === undefined ? noEntry : this.#index.after(match.end);
    this.#matched = match?.length ?? 0;
  }

  /** Goes on from where its present end was said, or with a few tokens of its own for matches to go back to. */
  #begin(generation: number): void {
    const match = this.#index.find(this.#text, false);
    this.#generation = generation;
    this.#next = noEntry;
    this.#last = match?.end ?? noEntry;
    this.#noted = match === undefined ? Math.max(0, this.#text.length - longestMatch) : this.#text.length;
  }
}
