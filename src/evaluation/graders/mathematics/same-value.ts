import { coarse, evaluate, fine, hasRounded, isConstant, points } from "./evaluate.ts";
import type { Point } from "./evaluate.ts";
import type { Node } from "./node.ts";
import { isZero } from "./powers.ts";
import { add, isExact, isReal, negate, toRounded } from "./value.ts";
import type { Budget, Digits, Value } from "./value.ts";

/**
 * Whether two formulas have the same value: exactly where it is rational; else to 80 of 100 digits, or, where a
 * decimal stands for an irrational number, to a relative 1e-9. Formulas with symbols have it at several points.
 * @returns undefined where one has no value
 * @throws TooLarge where that takes too much work
 */
export function haveSameValue(left: Node, right: Node, budget: Budget): boolean | undefined {
  const isSymbolic = !isConstant(left) || !isConstant(right);
  let compared = 0;
  for (const point of isSymbolic ? points : points.slice(0, 1)) {
    const [x, y] = [left, right].map((node) => evaluate(node, { point, digits: fine, budget }));
    if (x === undefined && y === undefined) continue;
    if (x === undefined || y === undefined) {
      // Where one has no value nothing follows: 1/x and x/x^2 have gaps in different places.
      if (!isSymbolic) return undefined;
      continue;
    }
    if (point >= 2 && !(isReal(x) && isReal(y))) continue;
    compared++;
    if (!isSameAt(point, { left, right, x, y, budget })) return false;
  }
  return compared === 0 ? undefined : true;
}

interface Pair {
  readonly left: Node;
  readonly right: Node;
  readonly x: Value;
  readonly y: Value;
  readonly budget: Budget;
}

function isSameAt(point: Point, { left, right, x, y, budget }: Pair): boolean {
  if (isExact(x) && isExact(y)) return x.re.equals(y.re) && x.im.equals(y.im);
  const difference = sizeOf(minus(x, y, fine), fine);
  const scale = Math.max(exponentOf(x), exponentOf(y));
  if (isZero(minus(x, y, fine)) || difference.e < scale - 80) return true;
  const isCut = isExact(x) ? hasRounded(left) : isExact(y) && hasRounded(right);
  const isApproximate = isCut || (hasRounded(left) !== hasRounded(right) && !isExact(x) && !isExact(y));
  const size = sizeOf(isExact(x) ? y : x, fine);
  if (isApproximate && difference.lte(size.mul(1e-9))) return true;
  // What cancels leaves noise, which is far less at twice the digits.
  const [a, b] = [left, right].map((node) => evaluate(node, { point, digits: coarse, budget }));
  if (a === undefined || b === undefined) return false;
  return difference.lte(sizeOf(minus(a, b, coarse), fine).mul("1e-25"));
}

const minus = (x: Value, y: Value, digits: Digits): Value => add(x, negate(y), digits);

function sizeOf(value: Value, digits: Digits): ReturnType<typeof toRounded>["re"] {
  const { re, im } = toRounded(value, digits);
  return im.isZero() ? re.abs() : re.mul(re).add(im.mul(im)).sqrt();
}

const exponentOf = (value: Value): number => {
  const size = sizeOf(value, fine);
  return size.isZero() ? -Infinity : size.e;
};
