import { partsOf } from "./expression.ts";
import type { Expression, Expressions, Rule } from "./expression.ts";
import { tooLarge } from "./grammar-error.ts";

/** Whether something is true of an expression, where it is of these rules and no others. */
export type Holds = (
  expression: Expression,
  holds: (part: Expression) => boolean,
  rules: ReadonlySet<Rule>,
) => boolean;

/** Times that all rules are looked at: as often as a way to a truth goes round a circle of them. */
const mostRounds = 24;

/** The rules of which something is true: the least set that says so of itself. @throws GrammarError */
export function leastRules(make: Expressions, isTrue: Holds): ReadonlySet<Rule> {
  const rules = new Set<Rule>();
  const order = ruleOrder(make);
  let rounds = 0;
  for (let size = -1; size !== rules.size;) {
    size = rules.size;
    if (rounds++ === mostRounds) throw tooLarge();
    const holds = told(isTrue, rules);
    for (const rule of order) if (!rules.has(rule) && holds(make.bodyOf(rule))) rules.add(rule);
  }
  return rules;
}

/** The same of any expression. Remembers what it was asked. */
export function told(isTrue: Holds, rules: ReadonlySet<Rule>): (expression: Expression) => boolean {
  const known = new Map<Expression, boolean>();
  const holds = (expression: Expression): boolean => {
    let value = known.get(expression);
    if (value === undefined) known.set(expression, (value = isTrue(expression, holds, rules)));
    return value;
  };
  return holds;
}

/** Each after those that it refers to, but for circles. */
function ruleOrder(make: Expressions): readonly Rule[] {
  const order: Rule[] = [];
  const seenRules = new Set<Rule>();
  const seen = new Set<Expression>();
  const open: ({ readonly rule: Rule } | { readonly at: Expression })[] = [];
  const enter = (rule: Rule): void => {
    if (seenRules.has(rule)) return;
    seenRules.add(rule);
    open.push({ rule }, { at: make.bodyOf(rule) });
  };
  for (const root of make.rules) {
    enter(root);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if ("rule" in next) {
        order.push(next.rule);
        continue;
      }
      const { at } = next;
      if (seen.has(at)) continue;
      seen.add(at);
      if (at.kind === "reference") enter(at.rule);
      else open.push(...partsOf(at).map((part) => ({ at: part })));
    }
  }
  return order;
}
