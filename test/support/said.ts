import type { TokenIds } from "../../src/core/tokens.ts";
import { SaidTexts } from "../../src/engine/speculation/said-texts.ts";
import { SuffixIndex } from "../../src/engine/speculation/suffix-index.ts";
import type { Entry } from "../../src/engine/speculation/suffix-index.ts";

/** What is said after a prompt, with nothing said yet. */
export const saidAfter = (prompt: TokenIds): SaidTexts => new SaidTexts(new SuffixIndex(prompt));

/** Foretells what is hardly ever said next, and goes on believing in it. */
export const wrongAfter = (prompt: TokenIds, vocabularySize: number): SaidTexts =>
  new SaidTexts(new WrongIndex(prompt, vocabularySize));

class WrongIndex extends SuffixIndex {
  readonly #vocabularySize: number;

  constructor(prompt: TokenIds, vocabularySize: number) {
    super(prompt);
    this.#vocabularySize = vocabularySize;
    this.holds.at = () => 0.9;
  }

  override tokenOf(entry: Entry): number {
    return (super.tokenOf(entry) + 1) % this.#vocabularySize;
  }
}
