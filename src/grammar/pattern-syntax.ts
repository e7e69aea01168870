import { unsupported } from "./grammar-error.ts";

/** A class as a whole, or one part of a pattern that is written in another way here; in time proportional to the pattern. */
const parts =
  /\[\^?(?:\\[^]?|[^\\\]])*(?:\]|$)|\\[pPu]\{[^}]{0,64}\}|\\[^]|\(\?P<|\{\d+(?:,\d*)?\}|\{(?![\d,])|[}\]]/gu;
/** What stands in a class: a set, or a character. */
const members = /\\[pPu]\{[^}]{0,64}\}|\\[^]|[^]/gu;
const set = /^\\[dDwWsSpP]/;
/** Escapes of what means itself. Letters and digits may mean more than that. */
const needless = /^\\([^A-Za-z0-9^$\\.*+?()[\]{}|/])$/u;
const posixClass = /\[[:.=]\w+[:.=]\]/;

/**
 * A pattern as ECMAScript writes it in Unicode mode, where others write the same in their ways: escapes that need none,
 * brackets and braces that close or repeat nothing, a hyphen beside a set, Python's named groups and its ends of a text.
 * What means different things to different readers, as an unfinished `{1,2` does, stays, and is then no pattern.
 * @throws GrammarError for classes of POSIX
 */
export const toUnicodeSyntax = (pattern: string): string => pattern.replaceAll(parts, rewritten);

function rewritten(part: string): string {
  if (part === "\\A") return "^";
  if (part === "\\Z" || part === "\\z") return "$";
  if (part === "(?P<") return "(?<";
  if (part === "{" || part === "}" || part === "]") return `\\${part}`;
  return part.startsWith("[") ? rewrittenClass(part) : unescaped(part);
}

const unescaped = (escape: string): string => needless.exec(escape)?.[1] ?? escape;

function rewrittenClass(text: string): string {
  // Without an end, which the parser says.
  if (!text.endsWith("]")) return text;
  const posix = posixClass.exec(text)?.[0];
  if (posix !== undefined) throw unsupported(`has a pattern with ${posix}: classes of POSIX are not offered`);
  const opening = text.startsWith("[^") ? "[^" : "[";
  const inner = text.slice(opening.length, -1).match(members) ?? [];
  const isSet = (index: number): boolean => set.test(inner[index] ?? "");
  const read = inner.map((member, index) => {
    if (member === "\\-") return member;
    const isBesideSet = isSet(index - 1) || isSet(index + 1);
    return member === "-" && isBesideSet ? "\\-" : unescaped(member);
  });
  return `${opening}${read.join("")}]`;
}
