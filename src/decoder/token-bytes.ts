import type { TokenId } from "../core/tokens.ts";
import type { VocabularyJson } from "./vocabulary.ts";

/** The parts of tokenizer.json that say how tokens become text. */
export interface TokenizerJson {
  readonly decoder?: DecoderJson | null;
  readonly added_tokens?: readonly {
    readonly id: number;
    readonly content: string;
    readonly special: boolean;
  }[];
  readonly model: VocabularyJson & {
    readonly unk_token?: string | null;
    readonly unk_id?: number | null;
    readonly byte_fallback?: boolean;
  };
}

interface DecoderJson {
  readonly type: string;
  readonly decoders?: readonly DecoderJson[];
}

/**
 * GPT-2's byte alphabet: printable Latin-1 characters stand for themselves, the other bytes for code points from
 * 256 on, in order.
 */
function byteAlphabet(): ReadonlyMap<string, number> {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  const alphabet = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    alphabet.set(String.fromCodePoint(isPrintable(byte) ? byte : next++), byte);
  }
  return alphabet;
}

const encoder = new TextEncoder();
const fallbackByte = /^<0x([0-9A-Fa-f]{2})>$/;

const hasDecoder = (decoder: DecoderJson | null | undefined, type: string): boolean =>
  decoder?.type === type || (decoder?.decoders ?? []).some((part) => hasDecoder(part, type));

/** Whether every text can be encoded: by bytes, or by an unknown token. */
export function hasFallback({ decoder, model }: TokenizerJson): boolean {
  const hasUnknown = (model.unk_token ?? null) !== null || (model.unk_id ?? null) !== null;
  return hasUnknown || model.byte_fallback === true || hasDecoder(decoder, "ByteLevel");
}

/** How one vocabulary entry spells its bytes, by the tokenizer's family. */
function spelling(decoder: DecoderJson | null | undefined): (token: string) => Uint8Array {
  if (hasDecoder(decoder, "ByteLevel")) {
    const alphabet = byteAlphabet();
    return (token) => Uint8Array.from(token, (character) => alphabet.get(character) ?? 0x3f);
  }
  if (hasDecoder(decoder, "ByteFallback") || hasDecoder(decoder, "Metaspace")) {
    return (token) => {
      const byte = fallbackByte.exec(token);
      return byte === null
        ? encoder.encode(token.replaceAll("▁", " "))
        : Uint8Array.of(parseInt(byte[1]!, 16));
    };
  }
  return (token) => encoder.encode(token);
}

/** The bytes each token adds to the text. Special tokens add none. */
export class TokenBytes {
  readonly #spell: (token: string) => Uint8Array;
  readonly #nameOf: (id: TokenId) => string | undefined;
  readonly #added: ReadonlyMap<TokenId, { readonly content: string; readonly special: boolean }>;
  readonly #known = new Map<TokenId, Uint8Array>();

  constructor(json: TokenizerJson, nameOf: (id: TokenId) => string | undefined) {
    this.#spell = spelling(json.decoder);
    this.#nameOf = nameOf;
    this.#added = new Map((json.added_tokens ?? []).map((token) => [token.id, token]));
  }

  isSpecial(id: TokenId): boolean {
    return this.#added.get(id)?.special ?? false;
  }

  /** The token's own bytes, those of special tokens included; empty for ids without a name. */
  spelled(id: TokenId): Uint8Array {
    let bytes = this.#known.get(id);
    if (bytes === undefined) {
      const added = this.#added.get(id);
      bytes = added === undefined ? this.#spell(this.#nameOf(id) ?? "") : encoder.encode(added.content);
      this.#known.set(id, bytes);
    }
    return bytes;
  }
}
