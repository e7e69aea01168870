import type { TokenId, TokenIds } from "../core/tokens.ts";
import { specialTokens } from "./special-tokens.ts";
import { TokenBytes } from "./token-bytes.ts";
import type { TokenizerJson } from "./token-bytes.ts";
import { tokenNames } from "./vocabulary.ts";

/** Tokens to text, for one model; text to tokens is a `PromptEncoder`'s. */
export class Tokenizer {
  /** tokenizer_config.json as it stands. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly #bytes: TokenBytes;
  /** SentencePiece models write a word's leading space before the first word too. */
  readonly #dropsLeadingSpace: boolean;

  constructor(json: TokenizerJson, config: Readonly<Record<string, unknown>>) {
    this.config = config;
    const names = tokenNames(json.model);
    this.#bytes = new TokenBytes(json, (id) => names[id]);
    this.#dropsLeadingSpace = JSON.stringify(json.decoder ?? null).includes('"Strip"');
  }

  /** bos_token, eos_token and their like, by name, as text. */
  get specialTokens(): Readonly<Record<string, string>> {
    return specialTokens(this.config);
  }

  /** Text of a whole list of tokens, special tokens left out. */
  decode(ids: TokenIds): string {
    const stream = this.stream();
    return ids.map((id) => stream.push(id)).join("") + stream.flush();
  }

  /** Decodes token by token; see {@link TextDecoding}. */
  stream(options: { afterText?: boolean; keepSpecial?: boolean } = {}): TextDecoding {
    return new TextDecoding(this.#bytes, {
      dropLeadingSpace: this.#dropsLeadingSpace && options.afterText !== true,
      keepSpecial: options.keepSpecial ?? false,
    });
  }

  /** The token's bytes as they stand in the vocabulary, special tokens included. */
  bytesOf(id: TokenId): Uint8Array {
    return this.#bytes.spelled(id);
  }

  /** The token alone as text; bytes that are not UTF-8 by themselves read as U+FFFD. */
  textOf(id: TokenId): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.bytesOf(id));
  }
}

/** Incremental detokenisation: a character split over tokens appears with the token that completes it. */
export class TextDecoding {
  readonly #bytes: TokenBytes;
  readonly #keepSpecial: boolean;
  // A byte-order mark inside text is text.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #dropLeadingSpace: boolean;

  constructor(bytes: TokenBytes, options: { dropLeadingSpace: boolean; keepSpecial: boolean }) {
    this.#bytes = bytes;
    this.#dropLeadingSpace = options.dropLeadingSpace;
    this.#keepSpecial = options.keepSpecial;
  }

  /** The text this token completes; may be empty. */
  push(id: TokenId): string {
    if (!this.#keepSpecial && this.#bytes.isSpecial(id)) return "";
    const text = this.#decoder.decode(this.#bytes.spelled(id), { stream: true });
    if (!this.#dropLeadingSpace || text === "") return text;
    this.#dropLeadingSpace = false;
    return text.startsWith(" ") ? text.slice(1) : text;
  }

  /** What is left of an unfinished character, as U+FFFD. */
  flush(): string {
    return this.#decoder.decode();
  }
}
