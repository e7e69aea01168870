import { Decimal } from "decimal.js";
import Fraction from "fraction.js";
import { functions, whole } from "./functions.ts";
import { childrenOf, mapChildren } from "./node.ts";
import type { Call, Node } from "./node.ts";
import { exact, multiply } from "./value.ts";
import type { Budget, Digits, Value } from "./value.ts";

const digitsOf = (precision: number): Digits =>
  Decimal.clone({ precision, rounding: Decimal.ROUND_HALF_EVEN, toExpNeg: -9e15, toExpPos: 9e15 });

/** Two precisions: what is nothing shrinks from the one to the other, what is little does not. */
export const coarse = digitsOf(50);
export const fine = digitsOf(100);

/** Where formulas with symbols are compared: at points that are far from special, two of them with negative values. */
export const points = [0, 1, 2, 3] as const;
export type Point = (typeof points)[number];

/** Symbols that stand for whole numbers, as in (-1)^n. */
const isWholeNumber = (name: string): boolean => /^[nmkNM]$/.test(name);

/** A symbol's value at a point: always the same, different for different symbols. */
export function valueAt(name: string, point: Point): Value {
  let hash = 2_166_136_261 ^ point;
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0)!, 16_777_619) >>> 0;
  if (isWholeNumber(name)) return exact(3 + (hash % 40));
  const numerator = 101 + (hash % 991);
  // Odd, so that powers of negative numbers are real.
  const denominator = 103 + 2 * ((hash >>> 12) % 60);
  // Small at one point, as arcsin and 1/(1-x) may want it.
  const scale = point === 1 ? 1103 : denominator;
  return exact(new Fraction(point >= 2 ? -numerator : numerator, scale));
}

/** What two formulas stand for, exactly as long as that is rational. @returns undefined for what has no value */
export function evaluate(
  node: Node,
  { point, digits, budget }: { readonly point: Point; readonly digits: Digits; readonly budget: Budget },
): Value | undefined {
  switch (node.kind) {
    case "number":
      return budget.check(exact(node.value));
    case "symbol":
      if (node.name === "pi") return { re: digits.acos(-1), im: new digits(0) };
      if (node.name === "e") return { re: digits.exp(1), im: new digits(0) };
      if (node.name === "i") return exact(0, new Fraction(1));
      return /^(?:infty|emptyset|𝔹.*)$/u.test(node.name) ? undefined : valueAt(node.name, point);
    case "measure":
      // Within a formula a percent sign divides by a hundred.
      return node.unit === "%"
        ? hundredth(evaluate(node.value, { point, digits, budget }), digits)
        : undefined;
    case "call": {
      if (node.name === "sum" || node.name === "prod") return series(node, { point, digits, budget });
      const apply = Object.hasOwn(functions, node.name) ? functions[node.name] : undefined;
      if (apply === undefined) return undefined;
      const args: Value[] = [];
      for (const argument of node.args) {
        const value = evaluate(argument, { point, digits, budget });
        if (value === undefined) return undefined;
        args.push(value);
      }
      const value = apply(args, digits, budget);
      return value && budget.check(value);
    }
    default:
      return undefined;
  }
}

/** Σ or Π of the last argument for the first one from the second to the third. @returns undefined without an end */
function series(node: Call, how: Parameters<typeof evaluate>[1]): Value | undefined {
  const [index, from, to, term] = node.args;
  if (index?.kind !== "symbol" || from === undefined || to === undefined || term === undefined)
    return undefined;
  const [first, last] = [from, to].map((bound) => whole(evaluate(bound, how)));
  if (first === undefined || last === undefined) return undefined;
  const substitute = (one: Node, value: Fraction): Node =>
    one.kind === "symbol" && one.name === index.name
      ? { kind: "number", value, isRounded: false }
      : mapChildren(one, (child) => substitute(child, value));
  const isSum = node.name === "sum";
  let value: Value | undefined = exact(isSum ? 0 : 1);
  for (let at = first; at <= last && value !== undefined; at++) {
    how.budget.spend(1);
    const next = evaluate(substitute(term, new Fraction(at)), how);
    value = next && functions[isSum ? "+" : "*"]!([value, next], how.digits, how.budget);
    if (value !== undefined) how.budget.check(value);
  }
  return value;
}

const hundredth = (value: Value | undefined, digits: Digits): Value | undefined =>
  value && multiply(value, exact(new Fraction(1, 100)), digits);

export const isConstant = (node: Node): boolean =>
  node.kind === "symbol" ? /^(?:pi|e|i)$/.test(node.name) : childrenOf(node).every(isConstant);

export const hasRounded = (node: Node): boolean =>
  node.kind === "number" ? node.isRounded : childrenOf(node).some(hasRounded);

export function symbolsOf(node: Node): ReadonlySet<string> {
  if (node.kind === "symbol") return isConstant(node) ? new Set() : new Set([node.name]);
  return new Set(childrenOf(node).flatMap((child) => [...symbolsOf(child)]));
}
