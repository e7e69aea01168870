import { attributeAlone } from "./attributes.ts";
import { arithmetic } from "./arithmetic.ts";
import { integer } from "./bind.ts";
import { codePoints } from "./code-points.ts";
import { typeError } from "./errors.ts";
import { alone, argumentError, getter, takes } from "./filter.ts";
import type { Filter } from "./filter.ts";
import { equal, inOrder, iterable, iterate, length, sorted, truth } from "./operators.ts";
import { str } from "./repr.ts";
import { Dict, Group, Lazy, Tuple, Undefined, View, Range, textOf } from "./values.ts";
import type { Value } from "./values.ts";

const lazily = (members: Iterable<Value>): Lazy => new Lazy(each(members));

const fallBack = (value: Value, otherwise: Value, boolean: Value): Value =>
  value instanceof Undefined || (truth(boolean) && !truth(value)) ? otherwise : value;

/** Filters of lists, dicts and what else can be gone through. */
export const sequenceFilters: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ["length", alone((value) => BigInt(length(value)))],
  ["count", alone((value) => BigInt(length(value)))],
  ["list", alone((value) => Array.from(iterate(value)))],
  ["first", alone((value) => firstOf(iterate(value), "No first item, sequence was empty."))],
  ["last", alone((value) => firstOf(backwards(value), "No last item, sequence was empty."))],
  ["reverse", alone((value) => reversed(value))],
  [
    "join",
    takes(
      [
        ["d", ""],
        ["attribute", null],
      ],
      (value, by, path) => Array.from(iterate(value), getter(path)).map(str).join(str(by)),
    ),
  ],
  ["items", alone(pairs)],
  [
    "dictsort",
    takes(
      [
        ["case_sensitive", false],
        ["by", "key"],
        ["reverse", false],
      ],
      dictSorted,
    ),
  ],
  [
    "sort",
    takes(
      [
        ["reverse", false],
        ["case_sensitive", false],
        ["attribute", null],
      ],
      (value, reverse, exact, path) =>
        sorted(Array.from(iterate(value)), sortKey(path, exact), truth(reverse)),
    ),
  ],
  [
    "unique",
    takes(
      [
        ["case_sensitive", false],
        ["attribute", null],
      ],
      (value, exact, path) => lazily(unique(iterate(value), keyOf(path, exact))),
    ),
  ],
  [
    "min",
    takes(
      [
        ["case_sensitive", false],
        ["attribute", null],
      ],
      (value, exact, path) => extreme(value, keyOf(path, exact), "<"),
    ),
  ],
  [
    "max",
    takes(
      [
        ["case_sensitive", false],
        ["attribute", null],
      ],
      (value, exact, path) => extreme(value, keyOf(path, exact), ">"),
    ),
  ],
  [
    "sum",
    takes(
      [
        ["attribute", null],
        ["start", 0n],
      ],
      (value, path, start) => summed(Array.from(iterate(value), getter(path)), start),
    ),
  ],
  ["groupby", takes(["attribute", ["default", null], ["case_sensitive", false]], grouped)],
  [
    "batch",
    takes(["linecount", ["fill_with", null]], (value, size, fill) =>
      lazily(batches(Array.from(iterate(value)), integer(size), fill)),
    ),
  ],
  [
    "slice",
    takes(["slices", ["fill_with", null]], (value, count, fill) =>
      lazily(slices(Array.from(iterate(value)), integer(count), fill)),
    ),
  ],
  [
    "default",
    takes(
      [
        ["default_value", ""],
        ["boolean", false],
      ],
      fallBack,
    ),
  ],
  [
    "d",
    takes(
      [
        ["default_value", ""],
        ["boolean", false],
      ],
      fallBack,
    ),
  ],
  ["attr", takes(["name"], (value, name) => attributeAlone(value, str(name)))],
]);

function firstOf(members: Iterable<Value>, whenEmpty: string): Value {
  for (const member of members) return member;
  return new Undefined(whenEmpty);
}

/** Python's reversed(x). @throws TemplateError for what goes forwards only */
function backwards(value: Value): Iterable<Value> {
  if (value instanceof Lazy) throw typeError(`'${value.typeName}' object is not reversible`);
  return Array.from(iterate(value)).reverse();
}

function reversed(value: Value): Value {
  const text = textOf(value);
  if (text !== undefined) return Array.from(codePoints(text)).reverse().join("");
  if (value instanceof Lazy) return Array.from(value.iterator).reverse();
  if (value instanceof Undefined) return lazily([]);
  if (iterable(value) === undefined) throw argumentError("argument must be iterable");
  const kind =
    value instanceof Dict
      ? "dict_reversekeyiterator"
      : value instanceof Range
        ? "range_iterator"
        : value instanceof View
          ? "iterator"
          : "list_reverseiterator";
  return new Lazy(each(backwards(value)), kind);
}

function* each(members: Iterable<Value>): IterableIterator<Value> {
  yield* members;
}

function pairs(value: Value): Value {
  if (value instanceof Undefined) return lazily([]);
  if (!(value instanceof Dict)) throw typeError("Can only get item pairs from a mapping.");
  return lazily(value.entries().map((pair) => new Tuple(pair)));
}

/** Text is compared without regard to case unless asked for. */
const folded = (value: Value): Value => textOf(value)?.toLowerCase() ?? value;

function keyOf(path: Value, caseSensitive: Value): (value: Value) => Value {
  const get = getter(path);
  return truth(caseSensitive) ? get : (value) => folded(get(value));
}

/** Of sort alone: several attributes, `a,b`; always a list, whose equal members (none, undefined ones) have an order. */
function sortKey(path: Value, caseSensitive: Value): (value: Value) => Value {
  const attributes = textOf(path)?.split(",") ?? [path];
  const keys = attributes.map((each) => keyOf(each, caseSensitive));
  return (value) => keys.map((key) => key(value));
}

function dictSorted(value: Value, caseSensitive: Value, by: Value, reverse: Value): Value {
  if (by !== "key" && by !== "value") throw argumentError('You can only sort by either "key" or "value"');
  if (!(value instanceof Dict)) throw typeError("dictsort takes a mapping");
  const members = value.entries().map((pair) => new Tuple(pair));
  return sorted(members, keyOf(by === "key" ? 0n : 1n, caseSensitive), truth(reverse));
}

function* unique(members: Iterable<Value>, key: (value: Value) => Value): IterableIterator<Value> {
  const seen = new Dict();
  for (const member of members) {
    const by = key(member);
    if (seen.has(by)) continue;
    seen.set(by, null);
    yield member;
  }
}

function extreme(value: Value, key: (value: Value) => Value, order: "<" | ">"): Value {
  const [first, ...rest] = iterate(value);
  if (first === undefined) return new Undefined("No aggregated item, sequence was empty.");
  let best = first;
  let bestKey = key(first);
  for (const member of rest) {
    const by = key(member);
    if (!inOrder(order, by, bestKey)) continue;
    best = member;
    bestKey = by;
  }
  return best;
}

function summed(members: readonly Value[], start: Value): Value {
  if (textOf(start) !== undefined) throw typeError("sum() can't sum strings [use ''.join(seq) instead]");
  return members.reduce((total, member) => arithmetic("+", total, member), start);
}

function grouped(value: Value, path: Value, fallback: Value, caseSensitive: Value): Value {
  const plain = getter(path, fallback);
  const key = truth(caseSensitive) ? plain : (member: Value): Value => folded(plain(member));
  const groups: { key: Value; members: Value[] }[] = [];
  for (const member of sorted(Array.from(iterate(value)), key, false)) {
    const by = key(member);
    const last = groups.at(-1);
    if (last !== undefined && equal(last.key, by)) last.members.push(member);
    else groups.push({ key: by, members: [member] });
  }
  return groups.map(({ members }) => new Group([plain(members[0]!), members]));
}

function* batches(members: readonly Value[], size: number, fill: Value): IterableIterator<Value> {
  for (let at = 0; at < members.length; at += Math.max(1, size)) {
    const batch = members.slice(at, at + Math.max(1, size));
    if (fill !== null) while (batch.length < size) batch.push(fill);
    yield batch;
  }
}

function* slices(members: readonly Value[], count: number, fill: Value): IterableIterator<Value> {
  const size = Math.floor(members.length / count);
  const extra = members.length % count;
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    const end = at + size + (index < extra ? 1 : 0);
    const part = members.slice(at, end);
    if (fill !== null && index >= extra) part.push(fill);
    at = end;
    yield part;
  }
}
