import type { TokenId, TokenIds } from "../core/tokens.ts";
import { StopSearch } from "./stop-search.ts";
import type { Found } from "./stop-search.ts";
import type { TextDecoding, TextStart } from "./text-decoding.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface CompletionReading {
  readonly prompt: TokenIds;
  readonly stop: readonly string[];
  /** The model's own end tokens where they end the completion: they add no text, special or not. */
  readonly ends: readonly TokenId[];
  /** Whether special tokens are text. */
  readonly showSpecial?: boolean | undefined;
}

/** How a request's completions read as text: what they go on from, what ends them, and what of it is shown. */
export class CompletionText {
  readonly #tokenizer: Tokenizer;
  readonly #start: TextStart;
  readonly #stops: readonly string[];
  readonly #naming: readonly string[];
  readonly #ends: ReadonlySet<TokenId>;
  readonly #showsSpecial: boolean;

  constructor(tokenizer: Tokenizer, { prompt, stop, ends, showSpecial = false }: CompletionReading) {
    this.#tokenizer = tokenizer;
    this.#showsSpecial = showSpecial;
    this.#start = tokenizer.startAfter(prompt);
    this.#stops = stop;
    this.#naming = stop.filter((text) => tokenizer.namesSpecial(text));
    this.#ends = new Set(ends);
  }

  get hasStops(): boolean {
    return this.#stops.length > 0;
  }

  /** Reads one completion, token by token. */
  reader(): TextReader {
    const decoding = this.#tokenizer.stream({ start: this.#start, keepSpecial: this.#showsSpecial });
    const search = new StopSearch(this.#stops, this.#naming);
    return new TextReader(decoding, search, (token) => this.#hiddenText(token));
  }

  /** What a token that answers leave out stands for; `undefined` for one that they show. */
  #hiddenText(token: TokenId): string | undefined {
    if (this.#ends.has(token)) return "";
    return this.#tokenizer.isSpecial(token) && !this.#showsSpecial
      ? this.#tokenizer.textOf(token)
      : undefined;
  }
}

export class TextReader {
  readonly #decoding: TextDecoding;
  readonly #search: StopSearch;
  readonly #hiddenText: (token: TokenId) => string | undefined;

  constructor(
    decoding: TextDecoding,
    search: StopSearch,
    hiddenText: (token: TokenId) => string | undefined,
  ) {
    this.#decoding = decoding;
    this.#search = search;
    this.#hiddenText = hiddenText;
  }

  /** @returns beside what was found, the text that the token adds, UTF-8 safe */
  push(token: TokenId): Found & { readonly text: string } {
    const hidden = this.#hiddenText(token);
    if (hidden !== undefined) return { text: "", ...this.#search.push({ text: hidden, isHidden: true }) };
    const text = this.#decoding.push(token);
    return { text, ...this.#search.push({ text, isHidden: false }) };
  }

  /** The rest of an unfinished character, as U+FFFD, and what was held back for a stop string that never came. */
  flush(): Found {
    const { released, stop } = this.#search.push({ text: this.#decoding.flush(), isHidden: false });
    return { released: stop === undefined ? released + this.#search.flush() : released, stop };
  }
}
