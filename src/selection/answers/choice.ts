import { lastBoxed } from "./box.ts";

/** Markup around a letter says nothing; NFKC turns full-width letters and brackets into ASCII's. */
const withoutMarkup = (text: string): string =>
  text
    .normalize("NFKC")
    .replace(/\\(?:text|math)(?:bf|it|rm|sf|tt|bb|normal)?\s*\{([^{}]*)\}/g, "$1")
    .replace(/\\(?:mbox|bm|boldsymbol|operatorname|textnormal|emph)\s*\{([^{}]*)\}/g, "$1")
    .replace(/\\(?:left|right|,|;|!|quad|bf|rm)(?![a-zA-Z])/g, " ");

/**
 * What an option is called: "B", "(b)", "**B**", "B. Paris", "(B) Paris", "Option B".
 * @returns the letter in capitals; undefined for anything else, also for several letters
 */
export function letterOf(text: string): string | undefined {
  const plain = withoutMarkup(text).trim();
  const named = /^(?:the\s+)?(?:correct\s+)?(?:final\s+)?(?:answer|option|choice)(?:\s+is)?\W+(?=\w)/i;
  const bare = plain.replace(named, "");
  const [, letter, rest = ""] = /^[\s(*$[{]*([A-Ja-j])(?![\w'’])([\s\S]*)$/.exec(bare) ?? [];
  // "A cat" is no option: a letter that text follows has a mark behind it.
  if (letter === undefined || !/^[\s)*}\]$.]*$|^\s*[).:\]}*]/.test(rest) || isOneOfSeveral(rest))
    return undefined;
  return letter.toUpperCase();
}

/** "A or B", "A, B", "A/B" settle on nothing. @param rest what follows a letter */
const isOneOfSeveral = (rest: string): boolean =>
  /^[\s)*\].$]*(?:or|and|\/|&|,)[\s(*[$]*[A-J](?![\w'’])(?!\s+(?:is|was|are|does|has|would|cannot)\b)/.test(
    rest,
  ) || /^\s*(?:or|and|\/|&|,)\s*[a-j]\b[\s.)]*$/.test(rest);

/** As a word of its own: "a" and "I" are also words, which seldom end a line; and "A" begins sentences. */
const letter = String.raw`(?:[B-HJb-hj]|A(?!\s+(?!is\b|was\b|because\b|since\b|as\b|and\b|or\b|-)[a-z])|[aiI](?=[^\w\n]*$))\b(?!['’]\w)`;

/** Ways to settle on an option, the plainest first; of each the last counts. */
const ways: readonly RegExp[] = [
  new RegExp(
    String.raw`(?:[Aa]nswer|ANSWER|[Cc]hoice|[Oo]ption|choose|pick|select|go with)\W{0,12}(?:(?:is|would be|must be|should be)\W+)?(?:(?:option|choice)\W+)?(?:\b(${letter})|(?<=\()([A-Ja-j])(?=\)))`,
    "gm",
  ),
  /(?<!\bnot\s)\(([A-Ja-h])\)/g,
  /(?<!\bnot)(?:^|[\s*[])([A-J])(?=[).\]:*,]|\s*$)/gm,
  /(?<!\bnot)(?:^|\s)([B-HJ]|A(?= (?:is|was|or|and)\b))(?=\s)/g,
];

/** The option that a text settles on: boxed, stated, in brackets, or by its letter alone; undefined for "A or B". */
export function settledChoice(text: string): string | undefined {
  const boxed = letterOf(lastBoxed(text) ?? "");
  if (boxed !== undefined) return boxed;
  const plain = withoutMarkup(text);
  for (const way of ways) {
    const found = [...plain.matchAll(way)].at(-1);
    if (found === undefined) continue;
    const before = plain.slice(0, found.index + found[0].length - 1);
    const rest = plain.slice(found.index + found[0].length);
    const isSecond = /\b[A-J]\)?\s*(?:\bor\b|\/|&)[\s(*]*$/.test(before);
    return isSecond || isOneOfSeveral(rest) ? undefined : (found[1] ?? found[2])!.toUpperCase();
  }
  return undefined;
}
