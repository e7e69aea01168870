/** Between boxes that together are one answer: \boxed{1} and \boxed{2}. */
const betweenBoxes = /^(?:[\s,;$]|\\q?quad|\\[,;: ()[\]]|\\text\s?\{\s?(?:and|or)\s?\}|\band\b|\bor\b)*$/;

/** Boxes that are joined. */
const maxBoxes = 20;

/**
 * The content of the last \boxed{…} or \fbox{…}, braces balanced; also of `\boxed 5`. Boxes that only a comma or "and"
 * parts are a list.
 */
export function lastBoxed(text: string): string | undefined {
  const starts = [...text.matchAll(/\\(?:boxed|fbox)(?![a-zA-Z])\s*/g)];
  let joined: string | undefined;
  let after = text.length;
  for (const start of starts.reverse().slice(0, maxBoxes)) {
    const box = readArgument(text, start.index + start[0].length);
    if (joined === undefined) joined = box?.content;
    else if (box === undefined || !isBetweenBoxes(text.slice(box.end, after))) return joined;
    else joined = `${box.content}, ${joined}`;
    if (joined === undefined) return undefined;
    after = start.index;
  }
  return joined;
}

const isBetweenBoxes = (text: string): boolean =>
  text.length < 100 && /(?<!\\)[,;]|and|or/.test(text) && betweenBoxes.test(text);

interface Argument {
  readonly content: string;
  /** Where the text goes on. */
  readonly end: number;
}

/** A macro's argument: what stands in braces, or the next macro or character. */
function readArgument(text: string, from: number): Argument | undefined {
  let at = from;
  while (text[at] === " ") at++;
  if (text[at] !== "{") {
    const single = /^(?:\\[a-zA-Z]+|[^\\{}])/u.exec(text.slice(at))?.[0];
    return single === undefined ? undefined : { content: single, end: at + single.length };
  }
  let depth = 0;
  for (let end = at; end < text.length; end++) {
    if (text[end] === "\\") end++;
    else if (text[end] === "{") depth++;
    else if (text[end] === "}" && --depth === 0) return { content: text.slice(at + 1, end), end: end + 1 };
  }
  return undefined;
}
