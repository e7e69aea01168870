import { notationOf } from "../../../selection/answers/latex/notation.ts";
import { readAnswer } from "./answer.ts";
import { areSame } from "./compare.ts";

/** Answers that are longer are compared as they are written. */
const maxLength = 4000;

/**
 * Whether two answers in LaTeX are the same mathematics: exactly for what is rational, to 80 digits for what is not;
 * lists, sets and unions in any order, tuples, intervals and matrices in theirs.
 * Terminates on every text: nesting, digits and work are bounded; what exceeds them is the same as notation alone.
 */
export function isSameMathematics(left: string, right: string): boolean {
  const [x, y] = [left.trim(), right.trim()];
  if (x === "" || y === "") return x === y;
  if (x === y) return true;
  if (x.length > maxLength || y.length > maxLength) return false;
  if (notationOf(x) === notationOf(y)) return true;
  return readingsOf(x).some((one) =>
    readingsOf(y).some((other) => areSame(readAnswer(one), readAnswer(other))),
  );
}

/** "100,200" is a number or a list; with a space after its comma it is a list. */
function readingsOf(text: string): readonly string[] {
  const ungrouped = text.replace(/(?<![\d.,(])\d{1,3}(?:,\d{3})+(?![\d,])/g, (group: string, at: number) =>
    isInBrackets(text, at) && !/,\s/.test(text) ? group : group.replaceAll(",", ""),
  );
  return ungrouped === text ? [text] : [ungrouped, text];
}

const isInBrackets = (text: string, at: number): boolean => {
  const before = text.slice(0, at);
  return (before.match(/[([]|\\\{/g) ?? []).length > (before.match(/[)\]]|\\\}/g) ?? []).length;
};
