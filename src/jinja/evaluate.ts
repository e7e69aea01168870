import { arithmetic, negate, plus } from "./arithmetic.ts";
import { attribute, item } from "./attributes.ts";
import { TemplateError, typeError } from "./errors.ts";
import { filters } from "./filters.ts";
import { globals } from "./globals.ts";
import type { Call, Comparison, Expression, FilterExpression } from "./nodes.ts";
import { contains, defined, equal, inOrder, iterate, truth } from "./operators.ts";
import { str } from "./repr.ts";
import type { Scope } from "./scope.ts";
import { slice } from "./slice.ts";
import { tests } from "./tests.ts";
import { Callable, Dict, Tuple, Undefined, textOf, typeName } from "./values.ts";
import type { Arguments, Value } from "./values.ts";

/** The value of an expression where these names hold. @throws TemplateError where Python raises */
export function evaluate(node: Expression, scope: Scope): Value {
  switch (node.kind) {
    case "constant":
      return node.value;
    case "name":
      return lookUp(node.name, scope);
    case "list":
      return node.items.map((each) => evaluate(each, scope));
    case "tuple":
      return new Tuple(node.items.map((each) => evaluate(each, scope)));
    case "dict":
      return Dict.of(node.entries.map(([key, value]) => [evaluate(key, scope), evaluate(value, scope)]));
    case "conditional":
      if (truth(evaluate(node.test, scope))) return evaluate(node.then, scope);
      return node.otherwise === undefined ? noElse : evaluate(node.otherwise, scope);
    case "and":
    case "or": {
      const left = evaluate(node.left, scope);
      return truth(left) === (node.kind === "or") ? left : evaluate(node.right, scope);
    }
    case "not":
      return !truth(evaluate(node.of, scope));
    case "negate":
      return negate(evaluate(node.of, scope));
    case "plus":
      return plus(evaluate(node.of, scope));
    case "arithmetic":
      return arithmetic(node.operator, evaluate(node.left, scope), evaluate(node.right, scope));
    case "concat":
      return node.parts.map((part) => str(evaluate(part, scope))).join("");
    case "compare":
      return chain(node.first, node.rest, scope);
    case "attribute":
      return attribute(evaluate(node.of, scope), node.name);
    case "item":
      return item(evaluate(node.of, scope), evaluate(node.key, scope));
    case "slice": {
      const [start = null, stop = null, step = null] = node.bounds.map((bound) =>
        bound === undefined ? null : evaluate(bound, scope),
      );
      return slice(evaluate(node.of, scope), start, stop, step);
    }
    case "call":
      return invoke(evaluate(node.callee, scope), argumentsOf(node.call, scope));
    case "filter":
      return applyFilter(node, scope);
    case "test":
      return applyTest(node, scope);
  }
}

const noElse = new Undefined("the inline if-expression evaluated to false and no else section was defined.");

function lookUp(name: string, scope: Scope): Value {
  const value = scope.get(name);
  return value === undefined ? (globals.get(name) ?? new Undefined(`'${name}' is undefined`)) : value;
}

/** a < b < c: each value is evaluated once, and none after a comparison that fails. */
function chain(first: Expression, rest: readonly Comparison[], scope: Scope): boolean {
  let left = evaluate(first, scope);
  for (const { operator, with: other } of rest) {
    const right = evaluate(other, scope);
    if (!compare(operator, left, right)) return false;
    left = right;
  }
  return true;
}

function compare(operator: Comparison["operator"], left: Value, right: Value): boolean {
  if (operator === "==") return equal(left, right);
  if (operator === "!=") return !equal(left, right);
  if (operator === "in") return contains(right, left);
  return operator === "not in" ? !contains(right, left) : inOrder(operator, left, right);
}

/** @throws TemplateError when the callee is no function */
export function invoke(callee: Value, given: Arguments): Value {
  defined(callee);
  if (callee instanceof Callable) return callee.call(given);
  throw typeError(`'${typeName(callee)}' object is not callable`);
}

export function argumentsOf(call: Call, scope: Scope): Arguments {
  const positional = call.positional.map((each) => evaluate(each, scope));
  const named = new Map(call.named.map(([name, value]) => [name, evaluate(value, scope)]));
  if (call.spread !== undefined) positional.push(...iterate(defined(evaluate(call.spread, scope))));
  if (call.spreadNamed !== undefined) {
    const more = evaluate(call.spreadNamed, scope);
    if (!(more instanceof Dict))
      throw typeError(`argument after ** must be a mapping, not ${typeName(more)}`);
    for (const [key, value] of more.entries()) {
      const name = textOf(key);
      if (name === undefined) throw typeError("keywords must be strings");
      named.set(name, value);
    }
  }
  return { positional, named };
}

/** @param input what a block wrote, for the filter that stands first after it */
export function applyFilter(node: FilterExpression, scope: Scope, input: Value = ""): Value {
  const { of } = node;
  const value =
    of === undefined ? input : of.kind === "filter" ? applyFilter(of, scope, input) : evaluate(of, scope);
  const filter = filters.get(node.name);
  if (filter === undefined) {
    throw new TemplateError("TemplateAssertionError", `No filter named '${node.name}'.`);
  }
  return filter(value, argumentsOf(node.call, scope));
}

/** What is looked up among names as Python does. @throws TemplateError for what has no hash */
function nameIn(value: Value): string {
  new Dict().has(value);
  return textOf(value) ?? "";
}

function applyTest(node: Expression & { kind: "test" }, scope: Scope): boolean {
  const value = evaluate(node.of, scope);
  if (node.name === "filter") return filters.has(nameIn(value));
  if (node.name === "test") return tests.has(nameIn(value));
  const test = tests.get(node.name);
  if (test === undefined) throw new TemplateError("TemplateAssertionError", `No test named '${node.name}'.`);
  return test(value, argumentsOf(node.call, scope));
}
