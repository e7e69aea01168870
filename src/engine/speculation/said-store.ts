import type { TokenIds } from "../../core/tokens.ts";
import type { SaidByPrompt } from "../said.ts";
import { SaidTexts } from "./said-texts.ts";
import { SuffixIndex } from "./suffix-index.ts";

/** Tokens of all prompts together, some 80 bytes each. */
const mostEntries = 262_144;
const mostPrompts = 256;

/** What was said after the prompts asked last. */
export class SaidStore implements SaidByPrompt {
  /** The least recently used first. */
  readonly #texts = new Map<string, SaidTexts>();

  share(prompt: TokenIds): SaidTexts {
    const name = prompt.join();
    const texts = this.#texts.get(name) ?? this.own(prompt);
    this.#texts.delete(name);
    this.#texts.set(name, texts);
    this.#forgetOldest(texts);
    return texts;
  }

  own(prompt: TokenIds): SaidTexts {
    return new SaidTexts(new SuffixIndex(prompt));
  }

  #forgetOldest(newest: SaidTexts): void {
    let entries = 0;
    for (const { index } of this.#texts.values()) entries += index.size;
    for (const [name, texts] of this.#texts) {
      if ((entries <= mostEntries && this.#texts.size <= mostPrompts) || texts === newest) return;
      this.#texts.delete(name);
      entries -= texts.index.size;
    }
  }
}
