/**
 * What may follow a byte: the derivative of a set of strings, d_b(S) = { t : bt ∈ S }.
 *
 *     d(first·rest) = d(first)·rest ∪ d(rest) where first may be empty      d(x{m,n}) = d(x)·x{m−1,n−1}
 *
 * and through choice, intersection, difference and rules as they stand. A set that lost all its strings is `nothing`
 * at once, so that a prefix with a derivative is one that a whole string begins with: there are no dead ends.
 *
 * Source: Brzozowski, "Derivatives of regular expressions", JACM 11 (1964); Might, Darais & Spiewak, "Parsing with
 * derivatives", ICFP 2011, for rules.
 */
import type { Expression, Expressions } from "./expression.ts";
import { tooLarge } from "./grammar-error.ts";
import { leastRules, told } from "./least-rules.ts";
import type { Holds } from "./least-rules.ts";

/** Steps that reading one token's worth of a constraint may take: some tenths of a second. */
const mostSteps = 400_000;

/** Bytes that no expression tells apart are one class. */
export interface ByteClasses {
  readonly count: number;
  /** Of each byte. */
  readonly of: Uint8Array;
}

/** Reads expressions whose rules are all said, and none of them left-recursive. */
export class Derivatives {
  readonly classes: ByteClasses;
  readonly #make: Expressions;
  /** A byte of each class. */
  readonly #bytes: number[] = [];
  readonly #derived = new Map<Expression, (Expression | undefined)[]>();
  readonly #isLive = new Map<Expression, boolean>();
  #steps = 0;

  /** @param sets all byte sets that the expressions tell apart */
  constructor(make: Expressions, sets: readonly Uint8Array[]) {
    this.#make = make;
    let of = new Uint8Array(256);
    for (const set of sets) {
      const numbers = new Map<number, number>();
      of = of.map((before, byte) => {
        const key = 2 * before + set[byte]!;
        const number = numbers.get(key) ?? numbers.size;
        numbers.set(key, number);
        return number;
      });
    }
    for (const [byte, byteClass] of of.entries()) this.#bytes[byteClass] ??= byte;
    this.classes = { count: this.#bytes.length, of };
    this.mayBeEmpty = told(mayBeEmpty, leastRules(make, mayBeEmpty));
  }

  /** Begins what has a budget of its own. */
  begin(): void {
    this.#steps = 0;
  }

  /** Whether the empty string is in it. */
  readonly mayBeEmpty: (expression: Expression) => boolean;

  /** What is left of the strings that begin with a byte of the class. @throws GrammarError */
  derive(expression: Expression, byteClass: number): Expression {
    switch (expression.kind) {
      case "nothing":
      case "empty":
        return this.#make.nothing;
      case "bytes":
        return expression.set[this.#bytes[byteClass]!] === 1 ? this.#make.empty : this.#make.nothing;
      default: {
        let derived = this.#derived.get(expression);
        if (derived === undefined) this.#derived.set(expression, (derived = []));
        return (derived[byteClass] ??= this.#compute(expression, byteClass));
      }
    }
  }

  /** Whether any string is in it. */
  isLive(expression: Expression): boolean {
    if (expression.kind === "nothing") return false;
    if (expression.kind !== "both" && expression.kind !== "without") return true;
    return this.#isLive.get(expression) ?? this.#search(expression);
  }

  #compute(expression: Expression, byteClass: number): Expression {
    this.#step();
    const make = this.#make;
    const derive = (part: Expression): Expression => this.derive(part, byteClass);
    switch (expression.kind) {
      case "sequence": {
        const { first, rest } = expression;
        const after = make.sequence(derive(first), rest);
        return this.mayBeEmpty(first) ? make.choice(after, derive(rest)) : after;
      }
      case "choice":
        this.#step(expression.options.length);
        return make.choice(...expression.options.map(derive));
      case "repeat": {
        const { of, least, most } = expression;
        const first = derive(of);
        if (first === make.nothing) return first;
        return make.sequence(first, make.repeat(of, Math.max(0, least - 1), most - 1));
      }
      case "reference":
        return derive(make.bodyOf(expression.rule));
      case "both":
      case "without": {
        const after = this.#pairAfter(expression, byteClass);
        return this.isLive(after) ? after : make.nothing;
      }
      default:
        return make.nothing;
    }
  }

  #pairAfter(expression: Expression, byteClass: number): Expression {
    if (expression.kind !== "both" && expression.kind !== "without")
      return this.derive(expression, byteClass);
    const { kind, one, other } = expression;
    const after = this.derive(one, byteClass);
    return after.kind === "nothing" ? after : this.#make[kind](after, this.derive(other, byteClass));
  }

  /** Looks for a string in an intersection or a difference; what was passed on the way to one has it too. */
  #search(start: Expression): boolean {
    const from = new Map<Expression, Expression | undefined>([[start, undefined]]);
    for (const expression of from.keys()) {
      const isPair = expression.kind === "both" || expression.kind === "without";
      if (!isPair || this.mayBeEmpty(expression) || this.#isLive.get(expression) === true) {
        for (let at: Expression | undefined = expression; at !== undefined; at = from.get(at))
          this.#isLive.set(at, true);
        return true;
      }
      if (this.#isLive.get(expression) === false) continue;
      for (let byteClass = 0; byteClass < this.classes.count; byteClass++) {
        this.#step();
        const after = this.#pairAfter(expression, byteClass);
        if (after.kind !== "nothing" && !from.has(after)) from.set(after, expression);
      }
    }
    for (const expression of from.keys()) this.#isLive.set(expression, false);
    return false;
  }

  #step(count = 1): void {
    this.#steps += count;
    if (this.#steps > mostSteps) throw tooLarge();
  }
}

/** Whether the empty string is in an expression. */
const mayBeEmpty: Holds = (expression, is, rules) => {
  switch (expression.kind) {
    case "empty":
      return true;
    case "sequence":
      return is(expression.first) && is(expression.rest);
    case "choice":
      return expression.options.some(is);
    case "repeat":
      return expression.least === 0 || is(expression.of);
    case "both":
      return is(expression.one) && is(expression.other);
    case "without":
      return is(expression.one) && !is(expression.other);
    case "reference":
      return rules.has(expression.rule);
    default:
      return false;
  }
};
