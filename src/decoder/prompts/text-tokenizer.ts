import { Tokenizer as RustTokenizer } from "tokenizers";
import { InferenceError } from "../../core/errors.ts";
import { hasFallback } from "../token-bytes.ts";
import type { TokenizerJson } from "../token-bytes.ts";
import { tokenNames } from "../vocabulary.ts";

/** Characters that a refusal names at most. */
const mostNamed = 24;

/** Text to tokens, by the Rust library itself ([why](../../../docs/adr/0015-tokenizers.md)). */
export class TextTokenizer {
  readonly #tokenizer: RustTokenizer;
  /** Without bytes or an unknown token to fall back on, the library leaves unknown characters out silently. */
  readonly #dropsUnknown: boolean;
  /** Characters found in the vocabulary so far. */
  readonly #known = new Set<string>();
  /** The vocabulary in a sentence; empty where it is too large for one. */
  readonly #vocabulary: string;

  /** @throws InferenceError what the library says of a tokenizer that it cannot read */
  constructor(json: TokenizerJson) {
    // A prompt is neither cut, nor padded, nor spelled at random.
    const plain = { ...json, truncation: null, padding: null, model: { ...json.model, dropout: null } };
    try {
      this.#tokenizer = RustTokenizer.fromString(JSON.stringify(plain));
    } catch (error) {
      const problem = `tokenizer.json is not as the tokenizers library writes it: ${(error as Error).message}.`;
      throw new InferenceError("invalid_request", problem, { cause: error });
    }
    this.#dropsUnknown = !hasFallback(json);
    this.#vocabulary = this.#dropsUnknown ? tellVocabulary(json) : "";
  }

  /** @throws InferenceError `invalid_request` when a character is not in the vocabulary */
  async encode(
    text: string,
    { addSpecialTokens, param }: { readonly addSpecialTokens: boolean; readonly param: string },
  ): Promise<number[]> {
    const wellFormed = text.toWellFormed();
    if (this.#dropsUnknown) await this.#checkVocabulary(wellFormed, param);
    try {
      return (await this.#tokenizer.encode(wellFormed, null, { addSpecialTokens })).getIds();
    } catch (error) {
      const problem = `${param}: the model's tokenizer refuses the text: ${(error as Error).message}`;
      throw new InferenceError("invalid_request", problem, { param, cause: error });
    }
  }

  /** Each character is looked up once in the encoder's life. */
  async #checkVocabulary(text: string, param: string): Promise<void> {
    const met = [...new Set(text)].filter((character) => !this.#known.has(character));
    if (met.length === 0) return;
    const encodings = await this.#tokenizer.encodeBatch(met, { addSpecialTokens: false });
    const missing: string[] = [];
    for (const [index, character] of met.entries()) {
      if (encodings[index]!.getLength() === 0) missing.push(character);
      else this.#known.add(character);
    }
    if (missing.length === 0) return;
    const problem = `The model's vocabulary has no ${list(missing)}; leave ${missing.length === 1 ? "it" : "them"} out of the text.${this.#vocabulary}`;
    throw new InferenceError("invalid_request", problem, { param });
  }
}

function list(characters: readonly string[]): string {
  const named = characters.slice(0, mostNamed).map((character) => `'${character}'`);
  const more = characters.length - named.length;
  return more === 0 ? named.join(", ") : `${named.join(", ")} and ${more} others`;
}

function tellVocabulary({ model, added_tokens: added = [] }: TokenizerJson): string {
  const special = new Set(added.map(({ content }) => content));
  const names = tokenNames(model).filter((name) => name !== undefined && !special.has(name));
  return names.length > mostNamed ? "" : ` It knows nothing but ${names.join(" ")}`;
}
