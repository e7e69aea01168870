import type { TokenId } from "../core/tokens.ts";
import { hasStep, spellingOf } from "./spelling.ts";
import type { DecoderJson, Leading, Spelling } from "./spelling.ts";
import type { VocabularyJson } from "./vocabulary.ts";

/** The parts of tokenizer.json that say how tokens become text. */
export interface TokenizerJson {
  readonly decoder?: DecoderJson | null;
  readonly added_tokens?: readonly AddedToken[];
  readonly model: VocabularyJson & {
    readonly unk_token?: string | null;
    readonly unk_id?: number | null;
    readonly byte_fallback?: boolean;
  };
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/** Whether every text can be encoded: by bytes, or by an unknown token. */
export function hasFallback({ decoder, model }: TokenizerJson): boolean {
  const hasUnknown = (model.unk_token ?? null) !== null || (model.unk_id ?? null) !== null;
  return hasUnknown || model.byte_fallback === true || hasStep(decoder, "ByteLevel");
}

const encoder = new TextEncoder();

/** The bytes of each token, and which tokens are special. */
export class TokenBytes {
  readonly #spelling: Spelling;
  readonly #nameOf: (id: TokenId) => string | undefined;
  readonly #added: ReadonlyMap<TokenId, AddedToken>;
  readonly #known = new Map<TokenId, Uint8Array>();

  constructor(json: TokenizerJson, nameOf: (id: TokenId) => string | undefined) {
    this.#spelling = spellingOf(json.decoder, json.model.byte_fallback === true);
    this.#nameOf = nameOf;
    this.#added = new Map((json.added_tokens ?? []).map((token) => [token.id, token]));
  }

  /** What the text of a list of tokens loses at its start. */
  get leading(): Leading | undefined {
    return this.#spelling.leading;
  }

  isSpecial(id: TokenId): boolean {
    return this.#added.get(id)?.special ?? false;
  }

  /** Whether a text names a special token. */
  namesSpecial(text: string): boolean {
    return [...this.#added.values()].some(({ special, content }) => special && text.includes(content));
  }

  /** The token's own bytes, those of special tokens included; empty for ids without a name. */
  spelled(id: TokenId): Uint8Array {
    let bytes = this.#known.get(id);
    if (bytes === undefined) {
      const added = this.#added.get(id);
      bytes =
        added === undefined ? this.#spelling.bytesOf(this.#nameOf(id) ?? "") : encoder.encode(added.content);
      this.#known.set(id, bytes);
    }
    return bytes;
  }
}
