import { lastBoxed } from "./latex.ts";

/** What an option is called: "B", "(b)", "**B**." @returns the letter in capitals; undefined for anything else */
export const letterOf = (text: string): string | undefined =>
  /^[\s(*$]*(?:\\(?:text|textbf|mathrm|mathbf)\s*\{)?[\s(*]*([A-Ja-j])[\s)*}.$]*$/
    .exec(text)?.[1]
    ?.toUpperCase();

/** As a word of its own: "a" and "I" are also words, which seldom end a line. */
const letter = String.raw`(?:[B-HJb-hj]|A|[aiI](?=[^\w\n]*$))\b`;

/** Ways to settle on an option, the plainest first; of each the last counts. */
const ways: readonly RegExp[] = [
  new RegExp(
    String.raw`(?:[Aa]nswer|ANSWER|[Cc]hoice|[Oo]ption)\W{0,12}(?:is|:)?\W{0,6}(?:\b(${letter})|(?<=\()([A-Ja-j])(?=\)))`,
    "gm",
  ),
  /\(([A-Ja-h])\)/g,
  /(?:^|[\s*[])([A-J])(?=[).\]:*,]|\s*$)/gm,
  /(?:^|\s)([B-HJ]|A(?= (?:is|was)\b))(?=\s)/g,
];

/** The option that a text settles on: boxed, stated, in brackets, or by its letter alone. */
export function settledChoice(text: string): string | undefined {
  const boxed = letterOf(lastBoxed(text) ?? "");
  if (boxed !== undefined) return boxed;
  for (const way of ways) {
    const found = [...text.matchAll(way)].at(-1);
    if (found !== undefined) return (found[1] ?? found[2])!.toUpperCase();
  }
  return undefined;
}
