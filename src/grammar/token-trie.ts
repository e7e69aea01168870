import type { TokenId } from "../core/tokens.ts";

/** What a vocabulary spells, by token. */
export interface Vocabulary {
  readonly size: number;
  /** Bytes of the text that a token adds; `undefined` for tokens that add none, as special ones do. */
  readonly bytesOf: (token: TokenId) => Uint8Array | undefined;
}

/** All tokens of a vocabulary as one trie of bytes, its nodes in the order in which a walk comes by them. */
export interface TokenTrie {
  readonly vocabularySize: number;
  /** Nodes; the root is none of them. */
  readonly size: number;
  readonly byte: Uint8Array;
  /** Bytes before a node's own. */
  readonly depth: Uint16Array;
  /** The first node that is not below this one. */
  readonly next: Int32Array;
  /** The tokens that end at a node: `tokens[firstToken[n] … firstToken[n + 1]]`. */
  readonly firstToken: Int32Array;
  readonly tokens: Int32Array;
  readonly longest: number;
}

/** Takes about a second for a million tokens. */
export function tokenTrie({ size: vocabularySize, bytesOf }: Vocabulary): TokenTrie {
  const spelled: { readonly token: TokenId; readonly bytes: Uint8Array }[] = [];
  for (let token = 0; token < vocabularySize; token++) {
    const bytes = bytesOf(token);
    if (bytes !== undefined && bytes.length > 0) spelled.push({ token, bytes });
  }
  spelled.sort((a, b) => compareBytes(a.bytes, b.bytes) || a.token - b.token);
  const most = spelled.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const byte = new Uint8Array(most);
  const depth = new Uint16Array(most);
  const next = new Int32Array(most);
  const firstToken = new Int32Array(most + 1);
  const tokens = Int32Array.from(spelled, ({ token }) => token);
  /** Nodes from the root to the last token. */
  const path: number[] = [];
  let before: Uint8Array = new Uint8Array();
  let size = 0;
  for (const [index, { bytes }] of spelled.entries()) {
    const shared = commonLength(before, bytes);
    for (const node of path.splice(shared)) next[node] = size;
    for (let at = shared; at < bytes.length; at++) {
      byte[size] = bytes[at]!;
      depth[size] = at;
      firstToken[size] = index;
      path.push(size++);
    }
    // Tokens of the same bytes end at the same node, which is the last one.
    before = bytes;
  }
  for (const node of path) next[node] = size;
  firstToken[size] = tokens.length;
  const longest = spelled.reduce((length, { bytes }) => Math.max(length, bytes.length), 0);
  return { vocabularySize, size, byte, depth, next, firstToken, tokens, longest };
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = commonLength(a, b);
  return (a[shared] ?? -1) - (b[shared] ?? -1);
}

function commonLength(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
