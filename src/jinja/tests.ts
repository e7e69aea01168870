import { bind } from "./bind.ts";
import type { Parameter } from "./bind.ts";
import { arithmetic } from "./arithmetic.ts";
import { contains, equal, inOrder, iterable, sizeOf } from "./operators.ts";
import type { Order } from "./operators.ts";
import { str } from "./repr.ts";
import { stringMethods } from "./string-methods.ts";
import { Callable, Dict, Markup, Undefined, View, numberOf, textOf } from "./values.ts";
import type { Arguments, Value } from "./values.ts";

export type Test = (value: Value, given: Arguments) => boolean;

const takes =
  <const P extends readonly Parameter[]>(
    parameters: P,
    run: (value: Value, ...values: { [K in keyof P]: Value }) => boolean,
  ): Test =>
  (value, given) =>
    run(value, ...bind("test", parameters, given));

const alone = (run: (value: Value) => boolean): Test => takes([], run);
const same = takes(["other"], equal);
const other = takes(["other"], (value, than) => !equal(value, than));
const ordered = (order: Order): Test => takes(["other"], (value, than) => inOrder(order, value, than));
const rest = (value: Value, of: Value): Value => arithmetic("%", value, of);
const textual = (method: string): Test =>
  alone((value) => stringMethods.get(method)!(str(value), { positional: [], named: new Map() }) === true);

/** jinja2's tests: what may stand after `is`, and be named in select and its like. */
export const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
  ["defined", alone((value) => !(value instanceof Undefined))],
  ["undefined", alone((value) => value instanceof Undefined)],
  ["none", alone((value) => value === null)],
  ["boolean", alone((value) => typeof value === "boolean")],
  ["true", alone((value) => value === true)],
  ["false", alone((value) => value === false)],
  ["integer", alone((value) => typeof value === "bigint")],
  ["float", alone((value) => typeof value === "number")],
  ["number", alone((value) => numberOf(value) !== undefined)],
  ["string", alone((value) => textOf(value) !== undefined)],
  ["mapping", alone((value) => value instanceof Dict)],
  ["sequence", alone((value) => sizeOf(value) !== undefined && !(value instanceof View))],
  ["iterable", alone((value) => iterable(value) !== undefined)],
  ["callable", alone((value) => value instanceof Callable || value instanceof Undefined)],
  ["escaped", alone((value) => value instanceof Markup)],
  ["sameas", takes(["other"], (value, as) => value === as)],
  ["odd", alone((value) => equal(rest(value, 2n), 1n))],
  ["even", alone((value) => equal(rest(value, 2n), 0n))],
  ["divisibleby", takes(["num"], (value, by) => equal(rest(value, by), 0n))],
  ["lower", textual("islower")],
  ["upper", textual("isupper")],
  ["in", takes(["seq"], (value, container) => contains(container, value))],
  ...["==", "eq", "equalto"].map((name) => [name, same] as const),
  ...["!=", "ne"].map((name) => [name, other] as const),
  ...["<", "lt", "lessthan"].map((name) => [name, ordered("<")] as const),
  ...["<=", "le"].map((name) => [name, ordered("<=")] as const),
  ...[">", "gt", "greaterthan"].map((name) => [name, ordered(">")] as const),
  ...[">=", "ge"].map((name) => [name, ordered(">=")] as const),
]);
