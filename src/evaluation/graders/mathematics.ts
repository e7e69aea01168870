import { valueOf } from "./closed-form.ts";
import { toPlainNotation } from "./latex.ts";

/** Whether two answers in LaTeX are the same: as notation, as closed forms, or member by member. */
export function isSameMathematics(left: string, right: string): boolean {
  return isSameNotation(toPlainNotation(left), toPlainNotation(right));
}

function isSameNotation(left: string, right: string): boolean {
  if (left === right) return true;
  if ((left + right).includes("±") && ![left, right].some((text) => membersOf(text).isOrdered)) {
    return isSameSet(bothSigns(left), bothSigns(right));
  }
  const [x, y] = [valueOf(left), valueOf(right)];
  if (x !== undefined && y !== undefined) {
    return Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(x), Math.abs(y));
  }
  const [a, b] = [membersOf(left), membersOf(right)];
  if (a.brackets !== b.brackets || a.members.length !== b.members.length) return false;
  if (a.members.length === 1 && a.brackets === "") return false;
  return a.isOrdered
    ? a.members.every((member, index) => isSameNotation(member, b.members[index]!))
    : isSameSet(a.members, b.members);
}

/** What ± stands for: two members for one. */
const bothSigns = (text: string): string[] =>
  membersOf(text).members.flatMap((member) =>
    member.includes("±")
      ? ["+", "-"].map((sign) => member.replaceAll("±", sign).replace(/^\+/, ""))
      : [member],
  );

function isSameSet(left: readonly string[], right: readonly string[]): boolean {
  const rest = [...right];
  return left.every((member) => {
    const found = rest.findIndex((other) => isSameNotation(member, other));
    if (found >= 0) rest.splice(found, 1);
    return found >= 0;
  });
}

interface Members {
  /** As "()" or "[)"; empty for a bare list. */
  readonly brackets: string;
  readonly members: readonly string[];
  /** Tuples, intervals and matrices are; sets and bare lists are not. */
  readonly isOrdered: boolean;
}

function membersOf(text: string): Members {
  const [first, last] = [text[0] ?? "", text.at(-1) ?? ""];
  const isBracketed = text.length > 1 && /^[([⟦|]$/.test(first) && /^[)\]⟧|]$/.test(last);
  const brackets = isBracketed ? first + last : "";
  const isOrdered = isBracketed && brackets !== "⟦⟧";
  return { brackets, members: split(isBracketed ? text.slice(1, -1) : text), isOrdered };
}

/** At the commas, semicolons and column signs that stand in no brackets. */
function split(text: string): string[] {
  const members = [""];
  let depth = 0;
  for (const character of text) {
    if ("([⟦".includes(character)) depth++;
    if (")]⟧".includes(character)) depth--;
    if (depth === 0 && ",;&".includes(character)) members.push("");
    else members[members.length - 1]! += character;
  }
  return members;
}
