import type { TokenId, TokenIds } from "../../core/tokens.ts";
import { HoldShares } from "./hold-shares.ts";

/** A token that was said, by its number in the index. */
export type Entry = number;
export const noEntry = -1;

/** Where a text's last tokens were said before. */
export interface SuffixMatch {
  /** The last of them there. */
  readonly end: Entry;
  /** How many they are, as far as they were compared. */
  readonly length: number;
}

/** Tokens compared at most; what is longer is as sure. */
export const longestMatch = 16;
/** Places looked at, the latest first. */
const mostPlaces = 16;

/** Of a prompt: what is longer is known by its end. */
const mostPromptTokens = 4096;

/**
 * The texts of one prompt, and where each token and each pair of them was said last: the tokens that followed the longest
 * match of a text's end foretell what comes next in it (prompt lookup, suffix decoding). A guess only: nothing rests on
 * it but time. Texts share entries where they begin alike. Begins again with the prompt when it is full.
 */
export class SuffixIndex {
  /** How often what it foretold was said. */
  readonly holds = new HoldShares();
  readonly #prompt: TokenIds;
  readonly #mostEntries: number;
  #tokens: TokenId[] = [];
  /** Of the same text, for each entry. */
  #before: Entry[] = [];
  /** Of the text that went on from there last. */
  #after: Entry[] = [];
  /** The entry before that ended the same pair of tokens. */
  #earlier: Entry[] = [];
  #latest = new Map<number, Entry>();
  /** Where something followed a token last. */
  #followed = new Map<TokenId, Entry>();
  #generation = 0;

  constructor(prompt: TokenIds, mostEntries = 32_768) {
    this.#prompt = prompt.slice(-Math.min(mostPromptTokens, mostEntries));
    this.#mostEntries = mostEntries;
  }

  get size(): number {
    return this.#tokens.length;
  }

  /**
   * Makes it ready for a text: lists the prompt where it is not, and begins again where it is full.
   * @returns the generation of its entries; those of another are gone
   */
  open(): number {
    if (this.#tokens.length >= this.#mostEntries) this.#forget();
    // Requests that are never foretold anything need not have their prompts listed.
    if (this.#tokens.length === 0) {
      let last = noEntry;
      for (const token of this.#prompt) last = this.add(token, last);
    }
    return this.#generation;
  }

  tokenOf(entry: Entry): TokenId {
    return this.#tokens[entry]!;
  }

  /** What followed an entry; `noEntry` where nothing did. */
  after(entry: Entry): Entry {
    return this.#after[entry]!;
  }

  /** Adds a token to a text that has come to `last`. */
  add(token: TokenId, last: Entry): Entry {
    const entry = this.#tokens.length;
    this.#tokens.push(token);
    this.#before.push(last);
    this.#after.push(noEntry);
    let earlier = noEntry;
    if (last !== noEntry) {
      this.#after[last] = entry;
      this.#followed.set(this.#tokens[last]!, last);
      const pair = pairOf(this.#tokens[last]!, token);
      earlier = this.#latest.get(pair) ?? noEntry;
      this.#latest.set(pair, entry);
    }
    this.#earlier.push(earlier);
    return entry;
  }

  /**
   * The place where most of a text's last tokens were said before; the latest of such.
   * @param isFollowed whether something has to follow there
   */
  find(text: TokenIds, isFollowed: boolean): SuffixMatch | undefined {
    let best: SuffixMatch | undefined;
    const latest = text.length > 1 ? this.#latest.get(pairOf(text.at(-2)!, text.at(-1)!)) : undefined;
    let entry = latest ?? noEntry;
    for (let place = 0; place < mostPlaces && entry !== noEntry; place++, entry = this.#earlier[entry]!) {
      if (isFollowed && this.#after[entry] === noEntry) continue;
      const length = this.#lengthOf(text, entry);
      if (length >= 2 && length > (best?.length ?? 0)) best = { end: entry, length };
      if (length === longestMatch) break;
    }
    return best ?? (isFollowed ? this.#findLast(text) : undefined);
  }

  /** Where the last token alone was said: little, but where rows of several tokens cost next to nothing it may do. */
  #findLast(text: TokenIds): SuffixMatch | undefined {
    const end = this.#followed.get(text.at(-1)!);
    return end === undefined ? undefined : { end, length: 1 };
  }

  #lengthOf(text: TokenIds, end: Entry): number {
    const most = Math.min(longestMatch, text.length);
    let length = 0;
    for (let entry = end; length < most && entry !== noEntry; entry = this.#before[entry]!) {
      if (this.#tokens[entry] !== text[text.length - 1 - length]) break;
      length++;
    }
    return length;
  }

  #forget(): void {
    this.#tokens = [];
    this.#before = [];
    this.#after = [];
    this.#earlier = [];
    this.#latest.clear();
    this.#followed.clear();
    this.#generation++;
  }
}

/** A small integer, which a map finds sooner than others; pairs that fall together are told apart by comparing. */
const pairOf = (first: TokenId, second: TokenId): number => (Math.imul(first, 0x9e3779b1) ^ second) | 0;
