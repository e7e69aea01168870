import { typeError } from "./errors.ts";

/**
 * Python's values as templates see them. Integers are bigint and floats are number, so that `1` and `1.0` stay apart
 * as they do in Python; lists are arrays, and all else that JavaScript lacks is a PythonObject.
 */
export type Value = string | bigint | number | boolean | null | Value[] | PythonObject;

export abstract class PythonObject {
  /** type(x).__name__ */
  abstract readonly typeName: string;
}

/** Arguments of a call. */
export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

export class Tuple extends PythonObject {
  readonly typeName: string = "tuple";
  readonly items: readonly Value[];

  constructor(items: readonly Value[]) {
    super();
    this.items = items;
  }
}

/** What the filter groupby yields: a pair whose members have names too. */
export class Group extends Tuple {
  override readonly typeName = "_GroupTuple";
}

export class Dict extends PythonObject {
  readonly typeName = "dict";
  readonly #entries = new Map<unknown, readonly [Value, Value]>();

  static of(entries: Iterable<readonly [Value, Value]>): Dict {
    const dict = new Dict();
    for (const [key, value] of entries) dict.set(key, value);
    return dict;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hashable(key))?.[1];
  }

  has(key: Value): boolean {
    return this.#entries.has(hashable(key));
  }

  /** A key keeps its first spelling: {1: 'a', True: 'b'} is {1: 'b'}. */
  set(key: Value, value: Value): void {
    const hash = hashable(key);
    this.#entries.set(hash, [this.#entries.get(hash)?.[0] ?? key, value]);
  }

  entries(): readonly (readonly [Value, Value])[] {
    return [...this.#entries.values()];
  }
}

/** dict.keys(), dict.values() and dict.items() */
export class View extends PythonObject {
  readonly typeName: string;
  readonly kind: "keys" | "values" | "items";
  readonly dict: Dict;

  constructor(kind: View["kind"], dict: Dict) {
    super();
    this.typeName = `dict_${kind}`;
    this.kind = kind;
    this.dict = dict;
  }

  members(): Value[] {
    return this.dict
      .entries()
      .map(([key, value]) =>
        this.kind === "keys" ? key : this.kind === "values" ? value : new Tuple([key, value]),
      );
  }
}

export class Range extends PythonObject {
  readonly typeName = "range";
  readonly start: bigint;
  readonly stop: bigint;
  readonly step: bigint;
  readonly length: number;

  constructor(start: bigint, stop: bigint, step: bigint) {
    super();
    this.start = start;
    this.stop = stop;
    this.step = step;
    const count = step > 0n ? (stop - start + step - 1n) / step : (start - stop - step - 1n) / -step;
    this.length = Math.max(0, Number(count));
  }

  at(index: number): bigint {
    return this.start + BigInt(index) * this.step;
  }

  members(): bigint[] {
    return Array.from({ length: this.length }, (_, index) => this.at(index));
  }
}

/** An iterator: what it has yielded is gone. */
export class Lazy extends PythonObject {
  readonly typeName: string;
  readonly iterator: IterableIterator<Value>;

  constructor(iterator: IterableIterator<Value>, typeName = "generator") {
    super();
    this.iterator = iterator;
    this.typeName = typeName;
  }
}

/** Text that is safe as HTML: what stands beside it is escaped. */
export class Markup extends PythonObject {
  readonly typeName = "Markup";
  readonly text: string;

  constructor(text: string) {
    super();
    this.text = text;
  }
}

/** What a name or an attribute is that is not there: empty as text, an error once anything is asked of it. */
export class Undefined extends PythonObject {
  readonly typeName = "Undefined";
  readonly message: string;
  readonly kind: "UndefinedError" | "SecurityError";

  constructor(message: string, kind: Undefined["kind"] = "UndefinedError") {
    super();
    this.message = message;
    this.kind = kind;
  }
}

/** An object whose attributes a template may set: namespace(). */
export class Namespace extends PythonObject {
  readonly typeName = "transformers.utils.chat_template_utils.TemplateNamespace";
  readonly attributes = new Map<string, Value>();
}

/** A function, or a method bound to its object; loop, cycler() and joiner() have attributes beside. */
export class Callable extends PythonObject {
  readonly typeName: string;
  readonly name: string;
  readonly call: (given: Arguments) => Value;
  /** by name, read when asked for: a loop's change as it runs */
  readonly attributes: ReadonlyMap<string, () => Value>;
  /** how it prints; addresses, which Python prints, mean nothing here */
  readonly text: () => string;

  constructor(
    name: string,
    call: (given: Arguments) => Value,
    shown: { attributes?: ReadonlyMap<string, () => Value>; text?: () => string; typeName?: string } = {},
  ) {
    super();
    this.typeName = shown.typeName ?? "function";
    this.name = name;
    this.call = call;
    this.attributes = shown.attributes ?? new Map();
    this.text = shown.text ?? (() => `<function ${name}>`);
  }
}

/** What a Map tells keys apart by, as Python does by hash and equality: 1, 1.0 and True are one key. */
function hashable(key: Value): unknown {
  const text = textOf(key);
  if (text !== undefined) return `s${text}`;
  const number = numberOf(key);
  if (number !== undefined) return Number.isInteger(number) ? BigInt(number) : number;
  if (key instanceof Tuple) return `t${key.items.map((item) => digest(hashable(item))).join()}`;
  if (Array.isArray(key) || key instanceof Dict) throw typeError(`unhashable type: '${typeName(key)}'`);
  return key;
}

/** Tells the hashes of a tuple's members apart within one text. */
function digest(hash: unknown): string {
  return typeof hash === "string" ? JSON.stringify(hash) : `${typeof hash}:${String(hash)}`;
}

/** type(x).__name__ */
export function typeName(value: Value): string {
  if (typeof value === "string") return "str";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  if (typeof value === "boolean") return "bool";
  if (value === null) return "NoneType";
  return Array.isArray(value) ? "list" : value.typeName;
}

/** The text of a str, which Markup is too; undefined for all else. */
export function textOf(value: Value): string | undefined {
  if (typeof value === "string") return value;
  return value instanceof Markup ? value.text : undefined;
}

/** The number that a value counts as in arithmetic: True is 1. Undefined for all else. */
export function numberOf(value: Value): bigint | number | undefined {
  if (typeof value === "bigint" || typeof value === "number") return value;
  return typeof value === "boolean" ? BigInt(value) : undefined;
}

/** The members of a list or tuple; undefined for all else. */
export function membersOf(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof Tuple ? value.items : undefined;
}
