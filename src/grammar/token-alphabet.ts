import { countCodePoints } from "../core/code-points.ts";
import type { TokenId } from "../core/tokens.ts";
import { intersection, joined } from "./characters.ts";
import type { CodeRanges } from "./characters.ts";
import { tokenTrie } from "./token-trie.ts";
import type { TokenTrie, Vocabulary } from "./token-trie.ts";

/** What the tokens of a vocabulary can write. */
export interface TokenAlphabet {
  readonly vocabulary: Vocabulary;
  readonly trie: TokenTrie;
  /** Leaves of some characters those that some token can write wherever they come next. */
  readonly narrow: (ranges: CodeRanges) => CodeRanges;
}

/**
 * Where every byte is a token, every text can be written. Elsewhere texts are made of the characters that are tokens by
 * themselves, and of tokens of whole characters: what is begun can then be gone on with, whatever token began it.
 */
export function tokenAlphabet(vocabulary: Vocabulary): TokenAlphabet {
  if (hasAllBytes(vocabulary)) return { vocabulary, trie: tokenTrie(vocabulary), narrow: (ranges) => ranges };
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const texts = new Map<TokenId, string>();
  for (let token = 0; token < vocabulary.size; token++) {
    const bytes = vocabulary.bytesOf(token);
    if (bytes === undefined) continue;
    try {
      texts.set(token, decoder.decode(bytes));
    } catch {
      // A part of a character.
    }
  }
  const single = [...texts.values()].filter((text) => countCodePoints(text) === 1);
  const known = joined(single.map((text) => [text.codePointAt(0)!, text.codePointAt(0)!] as const));
  const whole = {
    size: vocabulary.size,
    bytesOf: (token: TokenId) => (texts.has(token) ? vocabulary.bytesOf(token) : undefined),
  };
  return { vocabulary: whole, trie: tokenTrie(whole), narrow: (ranges) => intersection(ranges, known) };
}

function hasAllBytes({ size, bytesOf }: Vocabulary): boolean {
  const single = new Set<number>();
  for (let token = 0; token < size; token++) {
    const bytes = bytesOf(token);
    if (bytes?.length === 1) single.add(bytes[0]!);
  }
  for (let byte = 0; byte < 0xf5; byte++)
    // These two begin nothing in UTF-8.
    if (byte !== 0xc0 && byte !== 0xc1 && !single.has(byte)) return false;
  return true;
}
