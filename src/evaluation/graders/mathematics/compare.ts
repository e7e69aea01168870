import { unitOf } from "../../../selection/answers/latex/units.ts";
import { haveSameRelation } from "./equations.ts";
import { call, childrenOf, mapChildren } from "./node.ts";
import type { Node } from "./node.ts";
import { Unreadable } from "./reader.ts";
import { haveSameValue } from "./same-value.ts";
import { assignmentOf, withBothSigns } from "./settle.ts";
import type { Assignment } from "./settle.ts";
import { Budget, TooLarge } from "./value.ts";

/** About a second of work at most. */
const maxSteps = 100_000;

/** Whether two answers say the same; what takes too much work to compare does not. */
export function areSame(left: Node, right: Node): boolean {
  const budget = new Budget(maxSteps);
  try {
    return new Comparison(budget).isSame(settled(left), settled(right));
  } catch (error) {
    if (error instanceof TooLarge || error instanceof Unreadable) return false;
    throw error;
  }
}

function settled(node: Node): Node {
  const variants = withBothSigns(node);
  return variants.length === 1 ? variants[0]! : { kind: "list", members: variants };
}

type Tuple = Extract<Node, { kind: "tuple" }>;

/** Members in any order; of a set each counts once. */
const isCollection = (node: Node): node is Extract<Node, { kind: "list" | "set" }> =>
  node.kind === "list" || node.kind === "set";

const membersOf = (node: Node): readonly Node[] => (isCollection(node) ? node.members : [node]);

class Comparison {
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  isSame(left: Node, right: Node): boolean {
    this.#budget.spend(1);
    const [a, b] = [assignmentOf(left), assignmentOf(right)];
    if (a !== undefined && b !== undefined) return this.#areSameAssignments(a, b);
    if (left.kind === "relation" && right.kind === "relation")
      return haveSameRelation(left, right, this.#budget);
    if (a !== undefined) return this.isSame(a.value, right);
    if (b !== undefined) return this.isSame(left, b.value);
    if (left.kind === "measure" || right.kind === "measure") return this.#isSameMeasure(left, right);
    return this.#isSamePlain(left, right);
  }

  /** Functions may be called anything; unknowns are not. */
  #areSameAssignments(a: Assignment, b: Assignment): boolean {
    const isFunction = a.value.kind === "call" && b.value.kind === "call";
    const haveSameName =
      a.name === b.name ||
      (isFunction && a.name !== b.name && /\*|^[fy]$/.test(a.name) && /\*|^[fy]$/.test(b.name));
    return haveSameName && this.isSame(a.value, b.value);
  }

  #isSamePlain(left: Node, right: Node): boolean {
    if (left.kind === "union" && right.kind === "list") return this.#match(left.members, right.members);
    if (left.kind === "list" && right.kind === "union") return this.#match(left.members, right.members);
    if (isCollection(left) || isCollection(right)) return this.#isSameCollection(left, right);
    if (left.kind === "text" || right.kind === "text") return areSameWords(left, right);
    if (left.kind === "tuple" && right.kind === "tuple") {
      if (left.brackets !== right.brackets || left.members.length !== right.members.length) return false;
      return this.#isSameRow(left.members, right.members) || this.#isSameRatio(left, right);
    }
    if (left.kind === "union" && right.kind === "union") return this.#match(left.members, right.members);
    if (left.kind === "matrix" && right.kind === "matrix") {
      const areAlike = left.name === right.name && left.rows.length === right.rows.length;
      if (!areAlike) return false;
      if (left.name === "cases") return this.#matches(left.rows, right.rows, (a, b) => this.#isSameRow(a, b));
      return left.rows.every((row, at) => this.#isSameRow(row, right.rows[at]!));
    }
    const [x, y] = [toQuotient(left), toQuotient(right)];
    return isFormula(x) && isFormula(y) && this.#isSameFormula(x, y);
  }

  /** 3:4:5 and 6:8:10; 12:00 and 1:00 are times. */
  #isSameRatio(left: Tuple, right: Tuple): boolean {
    const [a, b] = [left.members, right.members];
    const isRatio = left.brackets === "::" && [...a, ...b].every(isNonzeroNumber);
    return (
      isRatio && a.every((member, at) => this.isSame(call("*", member, b[0]!), call("*", b[at]!, a[0]!)))
    );
  }

  #isSameRow(left: readonly Node[], right: readonly Node[]): boolean {
    return left.length === right.length && left.every((entry, at) => this.isSame(entry, right[at]!));
  }

  #isSameCollection(left: Node, right: Node): boolean {
    if (left.kind === "text" || right.kind === "text") return false;
    const [x, y] = [membersOf(left), membersOf(right)];
    if (areNamed(x) !== areNamed(y) && (areNamed(x) || areNamed(y)) && x.length > 1) {
      const [a, b] = [left, right].map((node) =>
        node.kind === "tuple" && node.brackets === "()" ? node.members : childrenOf(node),
      );
      return this.#isSameRow(a!, b!);
    }
    const isSet = left.kind === "set" && right.kind === "set";
    return isSet ? this.#match(this.#distinct(x), this.#distinct(y)) : this.#match(x, y);
  }

  #distinct(members: readonly Node[]): readonly Node[] {
    return members.reduce<readonly Node[]>(
      (kept, member) => (kept.some((one) => this.isSame(one, member)) ? kept : [...kept, member]),
      [],
    );
  }

  #match(left: readonly Node[], right: readonly Node[]): boolean {
    return this.#matches(left, right, (one, other) => this.isSame(one, other));
  }

  /** In any order. */
  #matches<Item>(
    left: readonly Item[],
    right: readonly Item[],
    isSame: (one: Item, other: Item) => boolean,
  ): boolean {
    const rest = [...right];
    return (
      left.length === right.length &&
      left.every((member) => {
        const found = rest.findIndex((other) => isSame(member, other));
        if (found >= 0) rest.splice(found, 1);
        return found >= 0;
      })
    );
  }

  #isSameMeasure(left: Node, right: Node): boolean {
    const [x, y] = [left, right].map(toMeasure) as [Measure, Measure];
    if (x.unit !== undefined && y.unit !== undefined && x.unit !== y.unit) return false;
    if (this.isSame(x.value, y.value)) return true;
    const isShare = (x.unit === "%") !== (y.unit === "%");
    // 50 % is also a half.
    return (
      isShare &&
      isFormula(x.value) &&
      isFormula(y.value) &&
      haveSameValue(asShare(x), asShare(y), this.#budget) === true
    );
  }

  #isSameFormula(left: Node, right: Node): boolean {
    return this.#haveSameValue(left, right) ?? this.#haveSameShape(left, right);
  }

  #haveSameValue(left: Node, right: Node): boolean | undefined {
    const readings = [asWritten];
    if (hasLogarithm(left) || hasLogarithm(right)) readings.push(naturally);
    if (hasDegrees(left) !== hasDegrees(right)) readings.push(withoutDegrees);
    try {
      const results = readings.map((read) => haveSameValue(read(left), read(right), this.#budget));
      return results.includes(true) || results.find((result) => result !== undefined);
    } catch (error) {
      if (error instanceof TooLarge) return undefined;
      throw error;
    }
  }

  /** For what has no value, or too long a one: part by part. */
  #haveSameShape(left: Node, right: Node): boolean {
    if (left.kind === "symbol" && right.kind === "symbol") return left.name === right.name;
    if (left.kind !== "call" || right.kind !== "call" || left.name !== right.name) return false;
    if (left.args.length !== right.args.length) return false;
    const isCommutative = left.name === "+" || left.name === "*";
    if (isCommutative && this.#match(left.args, right.args)) return true;
    return left.args.every((argument, at) => this.isSame(argument, right.args[at]!));
  }
}

const isFormula = ({ kind }: Node): boolean =>
  kind === "number" || kind === "symbol" || kind === "call" || kind === "measure";

/** x = 3, y = 5: what is assigned to different names has an order. */
const areNamed = (members: readonly Node[]): boolean => {
  const names = members.map((member) => assignmentOf(member)?.name);
  return !names.includes(undefined) && new Set(names).size === names.length;
};

const isNonzeroNumber = (node: Node): boolean => node.kind === "number" && !node.value.equals(0);

/** 2:3 as two thirds. */
const toQuotient = (node: Node): Node =>
  node.kind === "tuple" && node.brackets === "::" && node.members.length === 2
    ? call("/", ...node.members)
    : node;

interface Measure {
  readonly value: Node;
  readonly unit: string | undefined;
}

const toMeasure = (node: Node): Measure =>
  node.kind === "measure" ? { value: node.value, unit: unitOf(node.unit) } : { value: node, unit: undefined };

const asShare = ({ value, unit }: Measure): Node => (unit === "%" ? { kind: "measure", value, unit } : value);

/** What letters that read as a product spell. */
function spelled(node: Node): string | undefined {
  if (node.kind === "symbol") return node.name;
  if (node.kind !== "call" || node.name !== "*") return undefined;
  const letters = node.args.map(spelled);
  return letters.includes(undefined) ? undefined : letters.join("");
}

/** Words are the same whatever their case, spaces and full stops. */
function areSameWords(left: Node, right: Node): boolean {
  const [x, y] = [left, right].map((node) => {
    if (node.kind === "text") return node.text.replace(/[\s.]+/g, "").toLowerCase();
    return spelled(node)?.toLowerCase();
  });
  return x !== undefined && x === y;
}

/** 90 degrees are half of pi, and what a question for degrees wants to hear as 90; in functions they are an angle. */
const hasDegrees = (node: Node): boolean =>
  node.kind === "call" && (node.name === "degree" || (isArithmetic(node.name) && node.args.some(hasDegrees)));
const withoutDegrees = (node: Node): Node => {
  if (node.kind !== "call") return node;
  if (node.name === "degree") return node.args[0]!;
  return isArithmetic(node.name) ? mapChildren(node, withoutDegrees) : node;
};
const isArithmetic = (name: string): boolean => ["+", "*", "/", "neg"].includes(name);

/** A logarithm without a base has base 10 in some books and e in others. */
const hasLogarithm = (node: Node): boolean =>
  (node.kind === "call" && node.name === "log" && node.args.length === 1) ||
  childrenOf(node).some(hasLogarithm);
const asWritten = (node: Node): Node => node;
const naturally = (node: Node): Node =>
  mapChildren(
    node.kind === "call" && node.name === "log" && node.args.length === 1 ? { ...node, name: "ln" } : node,
    naturally,
  );
