import * as huggingFace from "@huggingface/tokenizers";
import { InferenceError } from "../core/errors.ts";
import type { TokenId, TokenIds } from "../core/tokens.ts";
import { spellOut } from "./pre-tokenizer.ts";
import type { PreTokenizerJson } from "./pre-tokenizer.ts";
import { specialTokens } from "./special-tokens.ts";
import { TokenBytes, hasFallback } from "./token-bytes.ts";
import type { TokenizerJson } from "./token-bytes.ts";

interface LibraryTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: number[] };
  id_to_token(id: TokenId): string | undefined;
}

// The package's own types import without file extensions, which Node's resolution does not follow.
const { Tokenizer: HuggingFaceTokenizer } = huggingFace as unknown as {
  Tokenizer: new (json: object, config: object) => LibraryTokenizer;
};

/** Text to tokens and back, for one model. */
export class Tokenizer {
  /** tokenizer_config.json as it stands. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly #tokenizer: LibraryTokenizer;
  readonly #bytes: TokenBytes;
  /** Without bytes or an unknown token to fall back on, the library leaves unknown characters out silently. */
  readonly #dropsUnknown: boolean;
  /** SentencePiece models write a word's leading space before the first word too. */
  readonly #dropsLeadingSpace: boolean;

  constructor(json: TokenizerJson, config: Readonly<Record<string, unknown>>) {
    this.config = config;
    this.#tokenizer = new HuggingFaceTokenizer(
      {
        ...json,
        pre_tokenizer: spellOut(json.pre_tokenizer as PreTokenizerJson | null | undefined),
      },
      config,
    );
    this.#bytes = new TokenBytes(json, (id) => this.#tokenizer.id_to_token(id));
    this.#dropsUnknown = !hasFallback(json);
    this.#dropsLeadingSpace = JSON.stringify(json.decoder ?? null).includes('"Strip"');
  }

  /** @throws InferenceError `invalid_request` when a character is not in the vocabulary */
  encode(text: string, options: { addSpecialTokens: boolean }): TokenIds {
    const wellFormed = text.toWellFormed();
    const { ids } = this.#tokenizer.encode(wellFormed, { add_special_tokens: options.addSpecialTokens });
    if (this.#dropsUnknown) this.#checkVocabulary(wellFormed);
    return ids;
  }

  #checkVocabulary(text: string): void {
    for (const character of new Set(text)) {
      const { ids } = this.#tokenizer.encode(character, { add_special_tokens: false });
      if (ids.length > 0) continue;
      throw new InferenceError(
        "invalid_request",
        `The model's vocabulary has no '${character}'; leave it out of the text.`,
        { param: "prompt" },
      );
    }
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
