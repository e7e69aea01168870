import { TemplateError, typeError } from "./errors.ts";
import { printf } from "./format.ts";
import { defined } from "./operators.ts";
import { Markup, Tuple, membersOf, numberOf, textOf, typeName } from "./values.ts";
import { escaped } from "./html.ts";
import { floatText } from "./repr.ts";
import type { Value } from "./values.ts";

export type Operator = "+" | "-" | "*" | "/" | "//" | "%" | "**";

/** Longest text or list that `*` makes, and most bits that `**` does: Python has no bound, a server needs one. */
const longest = 10_000_000;
const mostBits = 1_000_000;

/** @throws TemplateError where Python raises */
export function arithmetic(operator: Operator, a: Value, b: Value): Value {
  defined(a);
  const text = textOf(a);
  if (operator === "%" && text !== undefined) return printf(text, b);
  defined(b);
  const left = numberOf(a);
  const right = numberOf(b);
  if (left !== undefined && right !== undefined) return ofNumbers(operator, left, right);
  const made =
    operator === "+" ? joined(a, b) : operator === "*" ? (repeated(a, b) ?? repeated(b, a)) : undefined;
  if (made !== undefined) return made;
  throw typeError(
    `unsupported operand type(s) for ${operator === "**" ? "** or pow()" : operator}: '${typeName(a)}' and '${typeName(b)}'`,
  );
}

export function negate(value: Value): Value {
  const number = numberOf(defined(value));
  if (number === undefined) throw typeError(`bad operand type for unary -: '${typeName(value)}'`);
  return -number;
}

export function plus(value: Value): Value {
  const number = numberOf(defined(value));
  if (number === undefined) throw typeError(`bad operand type for unary +: '${typeName(value)}'`);
  return number;
}

function joined(a: Value, b: Value): Value | undefined {
  const left = textOf(a);
  const right = textOf(b);
  if (left !== undefined && right !== undefined) {
    return a instanceof Markup || b instanceof Markup ? new Markup(escaped(a) + escaped(b)) : left + right;
  }
  if (left !== undefined) {
    throw typeError(`can only concatenate str (not "${typeName(b)}") to str`);
  }
  if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
  return a instanceof Tuple && b instanceof Tuple ? new Tuple([...a.items, ...b.items]) : undefined;
}

function repeated(sequence: Value, count: Value): Value | undefined {
  const times = numberOf(count);
  const text = textOf(sequence);
  const members = membersOf(sequence);
  if (typeof times !== "bigint" || (text ?? members) === undefined) return undefined;
  const whole = times < 0n ? 0 : Number(times);
  if (whole * (text ?? members ?? []).length > longest) {
    throw new TemplateError("MemoryError", `A template repeats to at most ${longest} characters or members`);
  }
  if (text !== undefined) return text.repeat(whole);
  const items = Array.from({ length: whole }, () => members ?? []).flat();
  return Array.isArray(sequence) ? items : new Tuple(items);
}

function ofNumbers(operator: Operator, a: bigint | number, b: bigint | number): Value {
  if (typeof a === "bigint" && typeof b === "bigint" && operator !== "/") return ofIntegers(operator, a, b);
  const left = Number(a);
  const right = Number(b);
  if (operator === "+") return left + right;
  if (operator === "-") return left - right;
  if (operator === "*") return left * right;
  if (operator === "**") return power(left, right);
  if (right === 0) {
    const whole = typeof a === "bigint" && typeof b === "bigint";
    throw zeroDivision(
      operator === "/"
        ? whole
          ? "division by zero"
          : "float division by zero"
        : `float ${operator === "%" ? "modulo" : "floor division by zero"}`,
    );
  }
  if (operator === "/") return left / right;
  const rest = left % right;
  // The rest has the sign of the divisor.
  const modulo = rest === 0 ? (right < 0 ? -0 : 0) : rest < 0 === right < 0 ? rest : rest + right;
  return operator === "%" ? modulo : Math.round((left - modulo) / right);
}

function ofIntegers(operator: Exclude<Operator, "/">, a: bigint, b: bigint): Value {
  if (operator === "+") return a + b;
  if (operator === "-") return a - b;
  if (operator === "*") return a * b;
  if (operator === "**") {
    if (b < 0n) return power(Number(a), Number(b));
    if (Number(b) * a.toString(2).length > mostBits && a !== 0n && a !== 1n && a !== -1n) {
      throw new TemplateError("OverflowError", `A template raises to at most ${mostBits} bits`);
    }
    return a ** b;
  }
  if (b === 0n) throw zeroDivision("integer division or modulo by zero");
  const rest = a % b;
  const modulo = rest === 0n || rest < 0n === b < 0n ? rest : rest + b;
  return operator === "%" ? modulo : (a - modulo) / b;
}

function power(a: number, b: number): number {
  if (a === 0 && b < 0) throw zeroDivision("0.0 cannot be raised to a negative power");
  const result = a ** b;
  if (Number.isNaN(result) && !Number.isNaN(a) && !Number.isNaN(b))
    throw new TemplateError(
      "ValueError",
      `${floatText(a)} ** ${floatText(b)} is a complex number, which templates here have not`,
    );
  if (!Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b))
    throw new TemplateError("OverflowError", "(34, 'Numerical result out of range')");
  return result;
}

const zeroDivision = (message: string): TemplateError => new TemplateError("ZeroDivisionError", message);
