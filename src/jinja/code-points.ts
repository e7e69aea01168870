/** Python counts and cuts strings by code points, JavaScript by UTF-16 units. */

const surrogate = /[\ud800-\udfff]/;

/** Characters as Python has them: the string itself where units and code points agree. */
export function codePoints(text: string): string | string[] {
  return surrogate.test(text) ? Array.from(text) : text;
}

/** Order by code points: less than, equal to or greater than 0. */
export function compareText(a: string, b: string): number {
  if (!surrogate.test(a) && !surrogate.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  const left = Array.from(a);
  const right = Array.from(b);
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const difference = left[index]!.codePointAt(0)! - right[index]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** What Python's str.isspace holds for, as the inside of a character class. */
export const whitespace = "\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

/** What str.splitlines splits at, besides \r\n. */
export const lineEnd = "\\n-\\r\\x1c-\\x1e\\x85\\u2028\\u2029";
