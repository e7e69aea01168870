import { codePoints, compareText } from "./code-points.ts";
import { TemplateError, typeError } from "./errors.ts";
import {
  Dict,
  Lazy,
  Range,
  Tuple,
  Undefined,
  View,
  membersOf,
  numberOf,
  textOf,
  typeName,
} from "./values.ts";
import type { Value } from "./values.ts";

/** @throws TemplateError where Python raises: whatever is asked of an undefined value but its text or truth */
export function defined(value: Value): Value {
  if (value instanceof Undefined) throw new TemplateError(value.kind, value.message);
  return value;
}

/** Python's bool(x) */
export function truth(value: Value): boolean {
  if (typeof value === "boolean") return value;
  if (value === null || value instanceof Undefined) return false;
  const number = numberOf(value);
  if (number !== undefined) return number != 0;
  return (sizeOf(value) ?? 1) > 0;
}

/** Python's len(x); undefined where it has none. */
export function sizeOf(value: Value): number | undefined {
  const text = textOf(value);
  if (text !== undefined) return codePoints(text).length;
  if (value instanceof Dict) return value.size;
  if (value instanceof View) return value.dict.size;
  if (value instanceof Range) return value.length;
  return value instanceof Undefined ? 0 : membersOf(value)?.length;
}

/** @throws TemplateError as Python's len(x) */
export function length(value: Value): number {
  const size = sizeOf(value);
  if (size === undefined) throw typeError(`object of type '${typeName(value)}' has no len()`);
  return size;
}

/** What Python's iter(x) yields; undefined where x is not iterable. */
export function iterable(value: Value): Iterable<Value> | undefined {
  const text = textOf(value);
  if (text !== undefined) return codePoints(text);
  if (value instanceof Dict) return value.entries().map(([key]) => key);
  if (value instanceof View || value instanceof Range) return value.members();
  if (value instanceof Lazy) return value.iterator;
  return value instanceof Undefined ? [] : membersOf(value);
}

/** @throws TemplateError where Python's iter(x) raises */
export function iterate(value: Value): Iterable<Value> {
  const members = iterable(value);
  if (members === undefined) throw typeError(`'${typeName(value)}' object is not iterable`);
  return members;
}

/** Python's a == b: numbers of all types, True and 1 among them; lists, tuples and dicts by their members. */
export function equal(a: Value, b: Value): boolean {
  const left = numberOf(a);
  const right = numberOf(b);
  if (left !== undefined && right !== undefined) return left == right;
  const text = textOf(a);
  if (text !== undefined) return text === textOf(b);
  if (Array.isArray(a)) return Array.isArray(b) && allEqual(a, b);
  if (a instanceof Tuple) return b instanceof Tuple && allEqual(a.items, b.items);
  if (a instanceof Dict) return b instanceof Dict && sameEntries(a, b);
  if (a instanceof Range) return b instanceof Range && allEqual(a.members(), b.members());
  if (a instanceof View && a.kind !== "values") {
    return b instanceof View && a.dict.size === b.dict.size && b.members().every((item) => contains(a, item));
  }
  return a === b || (a instanceof Undefined && b instanceof Undefined);
}

const allEqual = (a: readonly Value[], b: readonly Value[]): boolean =>
  a.length === b.length && a.every((item, index) => equal(item, b[index]!));

const sameEntries = (a: Dict, b: Dict): boolean =>
  a.size === b.size &&
  a.entries().every(([key, value]) => {
    const other = b.get(key);
    return other !== undefined && equal(value, other);
  });

export type Order = "<" | "<=" | ">" | ">=";

/** Python's a < b and its like. @throws TemplateError for types that have no order between them */
export function inOrder(order: Order, a: Value, b: Value): boolean {
  const left = numberOf(a);
  const right = numberOf(b);
  if (left !== undefined && right !== undefined) return holds(order, left, right);
  const text = textOf(a);
  const other = textOf(b);
  if (text !== undefined && other !== undefined) return holds(order, compareText(text, other), 0);
  const members = membersOf(a);
  const others = membersOf(b);
  if (members !== undefined && others !== undefined && Array.isArray(a) === Array.isArray(b)) {
    const at = members.findIndex((item, index) => index >= others.length || !equal(item, others[index]!));
    if (at === -1 || at >= others.length) return holds(order, members.length, others.length);
    return inOrder(order, members[at]!, others[at]!);
  }
  defined(a);
  defined(b);
  throw typeError(`'${order}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

function holds(order: Order, a: bigint | number, b: bigint | number): boolean {
  if (order === "<") return a < b;
  if (order === "<=") return a <= b;
  return order === ">" ? a > b : a >= b;
}

/** Python's `item in container`. */
export function contains(container: Value, item: Value): boolean {
  const text = textOf(container);
  if (text !== undefined) {
    const part = textOf(defined(item));
    if (part === undefined) {
      throw typeError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    }
    return text.includes(part);
  }
  if (container instanceof Dict) return container.has(item);
  if (container instanceof View && container.kind === "keys") return container.dict.has(item);
  const members = iterable(container);
  if (members === undefined) throw typeError(`argument of type '${typeName(container)}' is not iterable`);
  for (const member of members) if (equal(member, item)) return true;
  return false;
}

/** A stable order, as Python's sorted() has it. */
export function sorted(values: readonly Value[], key: (value: Value) => Value, reverse: boolean): Value[] {
  const keyed = values.map((value) => ({ value, key: key(value) }));
  // Python's reverse keeps equal members in their order, too.
  const sign = reverse ? -1 : 1;
  keyed.sort((a, b) => (inOrder("<", a.key, b.key) ? -sign : inOrder("<", b.key, a.key) ? sign : 0));
  return keyed.map(({ value }) => value);
}
