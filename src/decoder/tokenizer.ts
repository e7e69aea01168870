import type { TokenId, TokenIds } from "../core/tokens.ts";
import { specialTokens } from "./special-tokens.ts";
import { TextDecoding, textStart } from "./text-decoding.ts";
import type { TextStart } from "./text-decoding.ts";
import { TokenBytes } from "./token-bytes.ts";
import type { TokenizerJson } from "./token-bytes.ts";
import { tokenNames } from "./vocabulary.ts";

/** Longer than any token that text was learnt from, characters: each may be written many times in one answer. */
const mostCharacters = 4096;

function checkLengths(names: readonly (string | undefined)[]): void {
  const tooLong = names.findIndex((name) => name !== undefined && name.length > mostCharacters);
  if (tooLong >= 0) throw new Error(`token ${tooLong} has more than ${mostCharacters} characters`);
}

/** Tokens to text, for one model; text to tokens is a `PromptEncoder`'s. */
export class Tokenizer {
  /** tokenizer_config.json as it stands. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly #bytes: TokenBytes;

  /** @throws Error saying what is wrong with the tokenizer */
  constructor(json: TokenizerJson, config: Readonly<Record<string, unknown>>) {
    this.config = config;
    const names = tokenNames(json.model);
    checkLengths([...names, ...(json.added_tokens ?? []).map(({ content }) => content)]);
    this.#bytes = new TokenBytes(json, (id) => names[id]);
  }

  /** bos_token, eos_token and their like, by name, as text. */
  get specialTokens(): Readonly<Record<string, string>> {
    return specialTokens(this.config);
  }

  /** Text of a whole list of tokens, special tokens left out unless they are to be kept. */
  decode(ids: TokenIds, options: { start?: TextStart; keepSpecial?: boolean } = {}): string {
    const stream = this.stream(options);
    return ids.map((id) => stream.push(id)).join("") + stream.flush();
  }

  /** Decodes token by token; see {@link TextDecoding}. Without `start`, at the start of a text. */
  stream({ start, keepSpecial = false }: { start?: TextStart; keepSpecial?: boolean } = {}): TextDecoding {
    return new TextDecoding(this.#bytes, start ?? this.startAfter([]), { keepSpecial });
  }

  /** Where the text of tokens that follow these begins. */
  startAfter(tokens: TokenIds): TextStart {
    return textStart(this.#bytes, tokens);
  }

  isSpecial(id: TokenId): boolean {
    return this.#bytes.isSpecial(id);
  }

  /** Whether a text names a special token. */
  namesSpecial(text: string): boolean {
    return this.#bytes.namesSpecial(text);
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
