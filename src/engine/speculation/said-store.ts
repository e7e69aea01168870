import type { TokenIds } from "../../core/tokens.ts";
import type { SaidByPrompt } from "../said.ts";
import { SaidTexts } from "./said-texts.ts";
import { SuffixIndex } from "./suffix-index.ts";

/** Of all prompts together. */
const mostBytes = 20 * 1024 * 1024;
const mostPrompts = 256;
/** Of an index, measured. */
const entryBytes = 100;

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
    let bytes = 0;
    for (const [name, texts] of this.#texts) bytes += bytesOf(name, texts);
    for (const [name, texts] of this.#texts) {
      if ((bytes <= mostBytes && this.#texts.size <= mostPrompts) || texts === newest) return;
      this.#texts.delete(name);
      bytes -= bytesOf(name, texts);
    }
  }
}

/** The name is a prompt written out, a byte or two a character. */
const bytesOf = (name: string, { index }: SaidTexts): number => 2 * name.length + entryBytes * index.size;
