import type { TokenId } from "../core/tokens.ts";

/** Some tokens of a vocabulary, a bit each. */
export class TokenMask {
  /** Bit t mod 32 of word ⌊t / 32⌋ says that token t is in it. */
  readonly #words: Uint32Array;

  constructor(vocabularySize: number) {
    this.#words = new Uint32Array(Math.ceil(vocabularySize / 32));
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  add(token: TokenId): void {
    this.#words[token >>> 5]! |= 1 << (token & 31);
  }

  remove(token: TokenId): void {
    this.#words[token >>> 5]! &= ~(1 << (token & 31));
  }

  has(token: TokenId): boolean {
    return ((this.#words[token >>> 5]! >>> (token & 31)) & 1) === 1;
  }

  /** In ascending order. */
  forEach(visit: (token: TokenId) => void): void {
    for (const [index, word] of this.#words.entries()) {
      // Most words of most masks have no bit, or all.
      for (let bits = word; bits !== 0; bits &= bits - 1) visit(32 * index + 31 - Math.clz32(bits & -bits));
    }
  }
}
