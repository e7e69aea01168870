import { bind, integer } from "./bind.ts";
import { codePoints } from "./code-points.ts";
import { valueError } from "./errors.ts";
import { formatText } from "./format.ts";
import { defined, equal, iterate } from "./operators.ts";
import { repr } from "./repr.ts";
import { stringMethods } from "./string-methods.ts";
import { Callable, Dict, Group, Namespace, Range, Tuple, Undefined, View } from "./values.ts";
import { membersOf, numberOf, textOf, typeName } from "./values.ts";
import type { Arguments, Value } from "./values.ts";

/** Methods that change what they are called on: the sandbox keeps them away. */
const mutators: ReadonlyMap<string, readonly string[]> = new Map([
  ["list", ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"]],
  ["dict", ["clear", "pop", "popitem", "setdefault", "update"]],
]);

/** `object.name`: an attribute first, an item else. @throws TemplateError when the object is undefined */
export function attribute(object: Value, name: string): Value {
  const found = own(defined(object), name);
  if (found !== undefined) return found;
  const kept = stored(object, name);
  return kept === undefined ? missing(object, name) : kept;
}

/** An attribute of the object's own, never an item: the filter attr. */
export function attributeAlone(object: Value, name: string): Value {
  const found = own(object, name);
  return found === undefined ? missing(defined(object), name) : found;
}

/** `object[key]`: an item first, an attribute else. @throws TemplateError when the object is undefined */
export function item(object: Value, key: Value): Value {
  const found = stored(defined(object), key);
  if (found !== undefined) return found;
  const name = textOf(key);
  const attribute = name === undefined ? undefined : own(object, name);
  return attribute === undefined ? missing(object, key) : attribute;
}

function missing(object: Value, key: Value): Undefined {
  const name = textOf(key);
  const type = object === null ? "None" : `${typeName(object)} object`;
  return new Undefined(
    name === undefined ? `${type} has no element ${repr(key)}` : `'${type}' has no attribute ${repr(name)}`,
  );
}

/** What Python's obj[key] gives, and undefined where it raises. */
function stored(object: Value, key: Value): Value | undefined {
  if (object instanceof Dict) {
    try {
      return object.get(key);
    } catch {
      return undefined; // A key without a hash is in no dict.
    }
  }
  const index = numberOf(key);
  if (typeof index !== "bigint") return undefined;
  const text = textOf(object);
  const sequence = text === undefined ? membersOf(object) : codePoints(text);
  if (sequence !== undefined) return sequence[position(index, sequence.length)];
  if (!(object instanceof Range)) return undefined;
  const at = position(index, object.length);
  return at >= 0 && at < object.length ? object.at(at) : undefined;
}

const position = (index: bigint, size: number): number => Number(index) + (index < 0n ? size : 0);

/** What Python's getattr(object, name) gives, as far as the sandbox lets it; undefined where it raises. */
function own(object: Value, name: string): Value | undefined {
  const type = typeName(object);
  if (/^__.*__$/s.test(name) || mutators.get(type)?.includes(name) === true) {
    return new Undefined(`access to attribute ${repr(name)} of '${type}' object is unsafe.`, "SecurityError");
  }
  const text = textOf(object);
  if (text !== undefined) return bound(name.startsWith("format") ? formatMethods : stringMethods, text, name);
  if (object instanceof Namespace) return object.attributes.get(name);
  if (object instanceof Callable) return object.attributes.get(name)?.();
  if (object instanceof Group && (name === "grouper" || name === "list")) {
    return object.items[name === "grouper" ? 0 : 1];
  }
  if (object instanceof Dict) return bound(dictMethods, object, name);
  const members = membersOf(object);
  if (members !== undefined)
    return bound(object instanceof Tuple ? tupleMethods : listMethods, members, name);
  if (object instanceof Range) return bound(rangeAttributes, object, name);
  const number = numberOf(object);
  return number === undefined ? undefined : bound(numberMethods, number, name);
}

function bound<T>(methods: Methods<T>, self: T, name: string): Value | undefined {
  const method = methods.get(name);
  return method === undefined ? undefined : new Callable(name, (given) => method(self, given));
}

type Methods<T> = ReadonlyMap<string, (self: T, given: Arguments) => Value>;

const formatMethods: Methods<string> = new Map<string, (self: string, given: Arguments) => Value>([
  ["format", (self, given) => formatText(self, given, { attribute, item })],
  [
    "format_map",
    (self, given) => {
      const [mapping] = bind("format_map", ["mapping"], given);
      const named = new Map(entriesOf(mapping).map(([key, value]) => [textOf(key) ?? "", value]));
      return formatText(self, { positional: [], named }, { attribute, item });
    },
  ],
]);

const entriesOf = (mapping: Value): readonly (readonly [Value, Value])[] =>
  mapping instanceof Dict ? mapping.entries() : [];

const dictMethods: Methods<Dict> = new Map<string, (self: Dict, given: Arguments) => Value>([
  [
    "get",
    (self, given) => {
      const [key, fallback] = bind("get", ["key", ["default", null]], given);
      const value = self.get(key);
      return value === undefined ? fallback : value;
    },
  ],
  ["keys", (self, given) => view("keys", self, given)],
  ["values", (self, given) => view("values", self, given)],
  ["items", (self, given) => view("items", self, given)],
  ["copy", (self, given) => (bind("copy", [], given), Dict.of(self.entries()))],
  ["fromkeys", (_, given) => fromKeys(given)],
]);

function view(kind: View["kind"], dict: Dict, given: Arguments): View {
  bind(kind, [], given);
  return new View(kind, dict);
}

export function fromKeys(given: Arguments): Dict {
  const [keys, value] = bind("fromkeys", ["iterable", ["value", null]], given);
  return Dict.of(Array.from(iterate(keys), (key) => [key, value]));
}

const tupleMethods: Methods<readonly Value[]> = new Map<
  string,
  (self: readonly Value[], given: Arguments) => Value
>([
  [
    "index",
    (self, given) => {
      const [wanted, start, end] = bind(
        "index",
        ["value", ["start", 0n], ["end", BigInt(self.length)]],
        given,
      );
      const [from, to] = [start, end].map((bound) => {
        const at = integer(bound);
        return at < 0 ? Math.max(0, at + self.length) : at;
      }) as [number, number];
      const at = self.findIndex((member, index) => index >= from && index < to && equal(member, wanted));
      if (at === -1) throw valueError(`${repr(wanted)} is not in list`);
      return BigInt(at);
    },
  ],
  [
    "count",
    (self, given) => {
      const [wanted] = bind("count", ["value"], given);
      return BigInt(self.filter((member) => equal(member, wanted)).length);
    },
  ],
]);

const listMethods: Methods<readonly Value[]> = new Map([
  ...tupleMethods,
  ["copy", (self, given) => (bind("copy", [], given), [...self])],
]);

const rangeAttributes: Methods<Range> = new Map([
  ["index", (self, given) => tupleMethods.get("index")!(self.members(), given)],
  ["count", (self, given) => tupleMethods.get("count")!(self.members(), given)],
]);

const numberMethods: Methods<bigint | number> = new Map<string, (self: bigint | number) => Value>([
  ["is_integer", (self) => typeof self === "bigint" || Number.isInteger(self)],
  ["bit_length", (self) => BigInt(self === 0n ? 0 : BigInt(self).toString(2).replace("-", "").length)],
  ["conjugate", (self) => self],
]);
