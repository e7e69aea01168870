import type { TokenIds } from "./tokens.ts";

/** Length of the longest common prefix of two token lists. */
export function commonPrefixLength(a: TokenIds, b: TokenIds): number {
  const limit = Math.min(a.length, b.length);
  let length = 0;
  while (length < limit && a[length] === b[length]) length++;
  return length;
}
