/**
 * Sets of byte strings, as expressions: regular ones, and by references to rules context-free ones. Every expression is
 * made once, so that equal ones are one object; the constructors keep them in a normal form, in which none that is not
 * `nothing` stands for the empty set unless an intersection, a difference or a rule does.
 */
import { GrammarError, tooLarge } from "./grammar-error.ts";

interface Node {
  readonly id: number;
}

/** The empty set. */
interface Nothing extends Node {
  readonly kind: "nothing";
}
/** The empty string alone. */
interface Empty extends Node {
  readonly kind: "empty";
}
/** One byte of a set. */
export interface Bytes extends Node {
  readonly kind: "bytes";
  /** 256 of them, 1 for those in it. */
  readonly set: Uint8Array;
}
interface Sequence extends Node {
  readonly kind: "sequence";
  readonly first: Expression;
  readonly rest: Expression;
}
interface Choice extends Node {
  readonly kind: "choice";
  readonly options: readonly Expression[];
}
interface Repeat extends Node {
  readonly kind: "repeat";
  readonly of: Expression;
  readonly least: number;
  readonly most: number;
}
/** What is in the one and in the other; or in the one and not in the other. */
interface Pair extends Node {
  readonly kind: "both" | "without";
  readonly one: Expression;
  readonly other: Expression;
}
interface Reference extends Node {
  readonly kind: "reference";
  readonly rule: Rule;
}

export type Expression = Nothing | Empty | Bytes | Sequence | Choice | Repeat | Pair | Reference;

/** A named expression, which may refer to itself. */
export interface Rule {
  readonly name: string;
  body: Expression | undefined;
}

/** Expressions of one constraint at most, those that it comes to while it is read included: about 100 bytes each. */
const mostExpressions = 400_000;

/** Sixteen of them a character. */
function keyOf(set: Uint8Array): string {
  const units = new Uint16Array(16);
  for (let byte = 0; byte < 256; byte++) units[byte >> 4]! |= set[byte]! << (byte & 15);
  return String.fromCharCode(...units);
}

/** Makes expressions, each once. */
export class Expressions {
  readonly #known = new Map<string, Expression>();
  readonly #ruleIds = new Map<Rule, number>();
  readonly nothing: Expression = { kind: "nothing", id: 0 };
  readonly empty: Expression = { kind: "empty", id: 1 };
  #count = 2;

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  get rules(): Iterable<Rule> {
    return this.#ruleIds.keys();
  }

  /** All sets of bytes that they hold. */
  get sets(): readonly Uint8Array[] {
    return [...this.#known.values()].flatMap((known) => (known.kind === "bytes" ? [known.set] : []));
  }

  bytes(set: Uint8Array): Expression {
    if (!set.includes(1)) return this.nothing;
    return this.#make(`b${keyOf(set)}`, (id) => ({ kind: "bytes", id, set }));
  }

  /** The bytes from one to another. */
  range(from: number, to: number): Expression {
    return this.bytes(new Uint8Array(256).fill(1, from, to + 1));
  }

  sequence(...parts: readonly Expression[]): Expression {
    let all = this.empty;
    for (let index = parts.length - 1; index >= 0; index--) all = this.#pair(parts[index]!, all);
    return all;
  }

  choice(...options: readonly Expression[]): Expression {
    const distinct = new Set<Expression>();
    let single: Uint8Array | undefined;
    const add = (option: Expression): void => {
      if (option.kind === "choice") option.options.forEach(add);
      else if (option.kind === "bytes") {
        const before = single;
        single = before === undefined ? option.set : option.set.map((bit, byte) => bit | before[byte]!);
      } else if (option.kind !== "nothing") distinct.add(option);
    };
    options.forEach(add);
    if (single !== undefined) distinct.add(this.bytes(single));
    if (distinct.size === 0) return this.nothing;
    const sorted = [...distinct].sort((a, b) => a.id - b.id);
    if (sorted.length === 1) return sorted[0]!;
    return this.#make(`c${sorted.map(({ id }) => id).join()}`, (id) => ({
      kind: "choice",
      id,
      options: sorted,
    }));
  }

  optional(of: Expression): Expression {
    return this.choice(of, this.empty);
  }

  repeat(of: Expression, least: number, most = Infinity): Expression {
    if (most < least || (of === this.nothing && least > 0)) return this.nothing;
    if (most === 0 || of === this.empty || of === this.nothing) return this.empty;
    if (least === 1 && most === 1) return of;
    const isStar = of.kind === "repeat" && of.least === 0 && of.most === Infinity;
    if (isStar) return of;
    return this.#make(`r${of.id},${least},${most}`, (id) => ({ kind: "repeat", id, of, least, most }));
  }

  /** The intersection. */
  both(one: Expression, other: Expression): Expression {
    if (one === other) return one;
    if (one === this.nothing || other === this.nothing) return this.nothing;
    const [first, second] = one.id < other.id ? [one, other] : [other, one];
    return this.#make(`&${first.id},${second.id}`, (id) => ({ kind: "both", id, one: first, other: second }));
  }

  /** The difference. */
  without(one: Expression, other: Expression): Expression {
    if (one === other || one === this.nothing) return this.nothing;
    if (other === this.nothing) return one;
    return this.#make(`-${one.id},${other.id}`, (id) => ({ kind: "without", id, one, other }));
  }

  reference(rule: Rule): Expression {
    let id = this.#ruleIds.get(rule);
    if (id === undefined) this.#ruleIds.set(rule, (id = this.#ruleIds.size));
    return this.#make(`@${id}`, (node) => ({ kind: "reference", id: node, rule }));
  }

  /** What a rule stands for. @throws GrammarError for one that was named and never said */
  bodyOf({ name, body }: Rule): Expression {
    if (body === undefined) throw new GrammarError(`has no rule '${name}'`);
    return body;
  }

  #pair(first: Expression, rest: Expression): Expression {
    if (first === this.nothing || rest === this.nothing) return this.nothing;
    if (first === this.empty) return rest;
    if (rest === this.empty) return first;
    // Right-nested: what follows is then one expression, a stack of what is still to come.
    if (first.kind === "sequence") return this.#pair(first.first, this.#pair(first.rest, rest));
    return this.#make(`s${first.id},${rest.id}`, (id) => ({ kind: "sequence", id, first, rest }));
  }

  #make(key: string, create: (id: number) => Expression): Expression {
    let expression = this.#known.get(key);
    if (expression === undefined) {
      if (this.#count >= mostExpressions) throw tooLarge();
      expression = create(this.#count++);
      this.#known.set(key, expression);
    }
    return expression;
  }
}

/** What an expression is made of; a reference, of nothing: its rule has a body of its own. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "sequence":
      return [expression.first, expression.rest];
    case "choice":
      return expression.options;
    case "repeat":
      return [expression.of];
    case "both":
    case "without":
      return [expression.one, expression.other];
    default:
      return [];
  }
}
