import type { TokenId } from "../core/tokens.ts";

/** Some tokens of a vocabulary, a bit each. */
export class TokenMask {
  /** Bit t mod 32 of word ⌊t / 32⌋ says that token t is in it. */
  readonly #words: Uint32Array;
  readonly #size: number;

  constructor(vocabularySize: number) {
    this.#size = vocabularySize;
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

  /** How many tokens are in it. */
  get count(): number {
    let count = 0;
    for (const word of this.#words) count += onesIn(word);
    return count;
  }

  /** Those in it, in ascending order. */
  forEach(visit: (token: TokenId) => void): void {
    const words = this.#words;
    for (let index = 0; index < words.length; index++) visitBits(words[index]!, 32 * index, visit);
  }

  /** Those that are not in it, in ascending order. */
  forEachOther(visit: (token: TokenId) => void): void {
    const words = this.#words;
    const last = words.length - 1;
    for (let index = 0; index <= last; index++) {
      const beyond = index === last && this.#size % 32 !== 0 ? -1 << (this.#size % 32) : 0;
      visitBits(~(words[index]! | beyond), 32 * index, visit);
    }
  }
}

/** Most words of most masks have no bit, or all. */
function visitBits(word: number, first: TokenId, visit: (token: TokenId) => void): void {
  for (let bits = word; bits !== 0; bits &= bits - 1) visit(first + 31 - Math.clz32(bits & -bits));
}

/** Bits of a word, counted by pairs, fours and bytes. */
function onesIn(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
