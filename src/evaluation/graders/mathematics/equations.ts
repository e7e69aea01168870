import { evaluate, fine, points, symbolsOf } from "./evaluate.ts";
import { call } from "./node.ts";
import type { Node } from "./node.ts";
import { isNegative, isZero } from "./powers.ts";
import { invert, isExact, isReal, multiply } from "./value.ts";
import type { Budget, Value } from "./value.ts";
import { haveSameValue } from "./same-value.ts";

type Relation = Extract<Node, { kind: "relation" }>;

/**
 * Whether two relations say the same of their unknowns: one difference of sides is a constant multiple of the other,
 * for inequalities a positive one. Other relations are the same side by side.
 * @throws TooLarge where that takes too much work
 */
export function haveSameRelation(left: Relation, right: Relation, budget: Budget): boolean {
  const [f, g] = [differenceOf(left), differenceOf(right)];
  if (f === undefined || f.operator !== g?.operator) return haveSameSides(left, right, budget);
  const ratios: Value[] = [];
  for (const point of points) {
    const [x, y] = [f, g].map(({ value }) => evaluate(value, { point, digits: fine, budget }));
    const divisor = y && invert(y);
    if (x === undefined || divisor === undefined) return haveSameSides(left, right, budget);
    ratios.push(multiply(x, divisor, fine));
  }
  const [first] = ratios;
  if (first === undefined || isZero(first) || !isReal(first)) return false;
  // Solving is the answer's business: 2x = 10 is no x = 5.
  if (symbolsOf(left).size < 2 && symbolsOf(right).size < 2 && f.operator === "=" && !first.re.equals(1))
    return false;
  if (/[<\\]/.test(f.operator) && f.operator !== "\\ne" && isNegative(first)) return false;
  return ratios.every((ratio) =>
    isExact(ratio) && isExact(first) ? ratio.re.equals(first.re) : isClose(ratio, first),
  );
}

function isClose(x: Value, y: Value): boolean {
  const inverse = invert(y);
  if (inverse === undefined) return false;
  const ratio = multiply(x, inverse, fine);
  return Math.abs(Number(ratio.re.toString()) - 1) < 1e-12 && Math.abs(Number(ratio.im.toString())) < 1e-12;
}

/** What is zero, below zero or not above: one operator for both directions. */
function differenceOf({ sides, operators }: Relation): { value: Node; operator: string } | undefined {
  const [operator] = operators;
  const [left, right] = sides;
  if (left === undefined || right === undefined || sides.length !== 2) return undefined;
  const turned: Readonly<Record<string, string>> = { ">": "<", "\\ge": "\\le" };
  if (operator === undefined || !/^(?:=|<|>|\\le|\\ge|\\ne)$/.test(operator)) return undefined;
  const isTurned = turned[operator] !== undefined;
  const [a, b] = isTurned ? [right, left] : [left, right];
  return { value: call("+", a, call("neg", b)), operator: turned[operator] ?? operator };
}

function haveSameSides(left: Relation, right: Relation, budget: Budget): boolean {
  return (
    left.operators.join(" ") === right.operators.join(" ") &&
    left.sides.every((side, at) => haveSameValue(side, right.sides[at]!, budget) === true)
  );
}
