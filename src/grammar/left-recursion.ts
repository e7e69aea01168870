import { partsOf } from "./expression.ts";
import type { Expression, Expressions, Rule } from "./expression.ts";
import { GrammarError } from "./grammar-error.ts";

/**
 * Refuses rules that begin with themselves, before anything is read by them: what follows a byte of one would be found by
 * asking what follows it.
 * @param mayBeEmpty whether the empty string is in an expression: what stands behind it then begins the whole too
 * @throws GrammarError naming one
 */
export function checkLeftRecursion(
  make: Expressions,
  root: Expression,
  mayBeEmpty: (expression: Expression) => boolean,
): void {
  const done = new Set<Expression>();
  const open = new Set<Rule>();
  const check = (expression: Expression): void => {
    if (expression.kind === "reference" && open.has(expression.rule))
      throw new GrammarError(
        `has a left-recursive rule, '${expression.rule.name}': it begins with itself. Write repetition as * or +, or recur at the right`,
      );
    if (done.has(expression)) return;
    if (expression.kind === "reference") open.add(expression.rule);
    for (const first of firstOf(make, expression, mayBeEmpty)) check(first);
    if (expression.kind === "reference") open.delete(expression.rule);
    done.add(expression);
  };
  check(root);
  for (const rule of make.rules) check(make.reference(rule));
}

/** The parts of an expression that its strings may begin with. */
function firstOf(
  make: Expressions,
  expression: Expression,
  mayBeEmpty: (expression: Expression) => boolean,
): readonly Expression[] {
  if (expression.kind === "reference") return [make.bodyOf(expression.rule)];
  if (expression.kind === "sequence" && !mayBeEmpty(expression.first)) return [expression.first];
  return partsOf(expression);
}
