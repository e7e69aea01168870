import { isConstant } from "./evaluate.ts";
import { call, childrenOf, mapChildren, symbol } from "./node.ts";
import type { Node } from "./node.ts";
import { Unreadable } from "./reader.ts";

/** A name and what it is: x = 5, x > 3 (an interval), f(x) = x^2, (x, y) = (1, 2). */
export interface Assignment {
  readonly name: string;
  readonly value: Node;
}

/** More ± than these are no answer. */
const maxSigns = 4;

/** Both readings of every ±; those that stand with a ∓ change together. */
export function withBothSigns(node: Node): readonly Node[] {
  if (node.kind === "list" || node.kind === "set") {
    return [{ ...node, members: node.members.flatMap((member) => withBothSigns(member)) }];
  }
  const signs = countSigns(node);
  if (signs.either + signs.opposite === 0) return [node];
  if (signs.either > maxSigns) throw new Unreadable("too many signs");
  const isJoint = signs.opposite > 0;
  const choices = isJoint ? [0, 1] : [...Array(2 ** signs.either).keys()];
  return choices.map((choice) => {
    let at = 0;
    const replace = (one: Node): Node => {
      if (one.kind !== "call" || !/^[±∓]$/u.test(one.name)) return mapChildren(one, replace);
      const bit = isJoint ? choice ^ (one.name === "∓" ? 1 : 0) : (choice >> at++) & 1;
      const args = one.args.map(replace);
      const term = bit === 1 ? call("neg", args.at(-1)!) : args.at(-1)!;
      return args.length === 1 ? term : call("+", args[0]!, term);
    };
    return replace(node);
  });
}

function countSigns(node: Node): { either: number; opposite: number } {
  const name = node.kind === "call" ? node.name : "";
  const sum = { either: name === "±" ? 1 : 0, opposite: name === "∓" ? 1 : 0 };
  for (const child of childrenOf(node)) {
    const below = countSigns(child);
    sum.either += below.either;
    sum.opposite += below.opposite;
  }
  return sum;
}

const infinite: Node = symbol("infty");
const interval = (brackets: string, from: Node, to: Node): Node => ({
  kind: "tuple",
  brackets,
  members: [from, to],
});

/** All real numbers. */
export const allReal = interval("()", call("neg", infinite), infinite);
export const isAllReal = (node: Node): boolean => node === allReal;

/** All real numbers but one. */
export const allBut = (hole: Node): Node => ({
  kind: "union",
  members: [interval("()", call("neg", infinite), hole), interval("()", hole, infinite)],
});

/** What a relation says of a name, if it says something of a name; `a = b = 5` says what the last side is. */
export function assignmentOf(node: Node): Assignment | undefined {
  if (node.kind !== "relation") return undefined;
  const { operators } = node;
  const kinds = new Set(operators);
  const [first] = node.sides;
  if (first === undefined) return undefined;
  const equalities = [...kinds].every((one) => /^(?:=|\\approx|\\in|\\equiv)$/.test(one));
  if (equalities) {
    // x = 1/3 ≈ 0.33 says what x is before it rounds.
    const rounded = operators.findIndex((one, at) => at > 0 && one === "\\approx");
    const name = nameOf(first);
    if (name !== undefined) return { name, value: node.sides.at(rounded)! };
    // 2 + 3 = 5, with nothing unknown.
    if (node.sides.every(isConstant)) return { name: "", value: node.sides.at(rounded)! };
    const reversed = node.sides.length === 2 ? nameOf(node.sides[1]!) : undefined;
    return reversed === undefined || operators[0] !== "=" ? undefined : { name: reversed, value: first };
  }
  return inequalityOf(node.sides, operators);
}

function inequalityOf(sides: readonly Node[], operators: readonly string[]): Assignment | undefined {
  const falls = operators.every((one) => />|\\ge/.test(one));
  const rises = operators.every((one) => /<|\\le/.test(one));
  if (sides.length === 2 && operators[0] === "\\ne") {
    const name = nameOf(sides[0]!);
    if (name === undefined) return undefined;
    return { name, value: allBut(sides[1]!) };
  }
  if (!falls && !rises) return undefined;
  const ordered = falls ? [...sides].reverse() : sides;
  const closed = (falls ? [...operators].reverse() : operators).map((one) => one.startsWith("\\"));
  const at = ordered.findIndex((side) => nameOf(side) !== undefined);
  const name = at < 0 ? undefined : nameOf(ordered[at]!);
  if (name === undefined || ordered.length > 3 || (ordered.length === 3 && at !== 1)) return undefined;
  const [from, to] = [ordered[at - 1] ?? call("neg", infinite), ordered[at + 1] ?? infinite];
  const brackets = `${at > 0 && closed[at - 1]! ? "[" : "("}${at + 1 < ordered.length && closed[at]! ? "]" : ")"}`;
  return { name, value: interval(brackets, from, to) };
}

/** x, f(x), |AB|, A:B, (x, y), words: what a relation can be about. */
export function nameOf(node: Node): string | undefined {
  if (node.kind === "symbol") return /^(?:pi|e|i|infty|emptyset)$/.test(node.name) ? undefined : node.name;
  if (node.kind === "text") return node.text;
  if (node.kind === "tuple") {
    const names = node.members.map(nameOf);
    return names.every((name) => name !== undefined) ? names.join(",") : undefined;
  }
  if (node.kind !== "call") return undefined;
  const [of, at] = node.args;
  // f(3), which reads as a product.
  if (node.name === "*" && of?.kind === "symbol" && /^[fghFGHPT]/.test(of.name) && at?.kind === "number")
    return `${of.name}(${at.value.toFraction()})`;
  const names = node.args.map(nameOf);
  const isApplied = /^(?:[*/]|abs|prime.*|degree|(?:sin|cos|tan|cot|sec|csc)h?)$/.test(node.name);
  return isApplied && names.every((name) => name !== undefined)
    ? `${node.name}${names.join(" ")}`
    : undefined;
}
