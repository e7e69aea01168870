import { Derivatives } from "./derivatives.ts";
import type { Expression, Expressions } from "./expression.ts";
import { checkLeftRecursion } from "./left-recursion.ts";
import { leastRules } from "./least-rules.ts";
import type { Holds } from "./least-rules.ts";

/**
 * Takes out of an expression and all rules what no string satisfies, so that every prefix of what is left leads to an end.
 * @throws GrammarError where a rule begins with itself
 */
export function prune(make: Expressions, root: Expression): Expression {
  const derivatives = new Derivatives(make, make.sets);
  checkLeftRecursion(make, root, derivatives.mayBeEmpty);
  const live = leastRules(make, isLive(derivatives));
  const known = new Map<Expression, Expression>();
  const cut = (expression: Expression): Expression => {
    let left = known.get(expression);
    if (left === undefined) known.set(expression, (left = compute(expression)));
    return left;
  };
  const compute = (expression: Expression): Expression => {
    switch (expression.kind) {
      case "sequence":
        return make.sequence(cut(expression.first), cut(expression.rest));
      case "choice":
        return make.choice(...expression.options.map(cut));
      case "repeat":
        return make.repeat(cut(expression.of), expression.least, expression.most);
      case "both":
      case "without":
        return derivatives.isLive(expression) ? expression : make.nothing;
      case "reference":
        return live.has(expression.rule) ? expression : make.nothing;
      default:
        return expression;
    }
  };
  for (const rule of make.rules) rule.body = live.has(rule) ? cut(make.bodyOf(rule)) : make.nothing;
  return cut(root);
}

/** Whether some string is in an expression. */
const isLive =
  (derivatives: Derivatives): Holds =>
  (expression, is, rules) => {
    switch (expression.kind) {
      case "nothing":
        return false;
      case "sequence":
        return is(expression.first) && is(expression.rest);
      case "choice":
        return expression.options.some(is);
      case "repeat":
        return expression.least === 0 || is(expression.of);
      case "both":
      case "without":
        return derivatives.isLive(expression);
      case "reference":
        return rules.has(expression.rule);
      default:
        return true;
    }
  };
