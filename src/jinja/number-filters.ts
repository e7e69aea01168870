import { integer } from "./bind.ts";
import { TemplateError, typeError } from "./errors.ts";
import { alone, argumentError, takes } from "./filter.ts";
import type { Filter } from "./filter.ts";
import { fixed } from "./format.ts";
import { arithmetic } from "./arithmetic.ts";
import { defined } from "./operators.ts";
import { stripped } from "./string-methods.ts";
import { textOf, numberOf, typeName } from "./values.ts";
import type { Value } from "./values.ts";

/** Filters that make numbers. */
export const numberFilters: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ["abs", alone(absolute)],
  [
    "int",
    takes(
      [
        ["default", 0n],
        ["base", 10n],
      ],
      toInt,
    ),
  ],
  ["float", takes([["default", 0]], (value, fallback) => readFloat(defined(value)) ?? fallback)],
  [
    "round",
    takes(
      [
        ["precision", 0n],
        ["method", "common"],
      ],
      rounded,
    ),
  ],
]);

function absolute(value: Value): Value {
  const number = numberOf(defined(value));
  if (number === undefined) throw typeError(`bad operand type for abs(): '${typeName(value)}'`);
  return number < 0 ? -number : number;
}

function toInt(value: Value, fallback: Value, base: Value): Value {
  const text = textOf(defined(value));
  const read = text === undefined ? undefined : readInt(text, integer(base));
  if (read !== undefined) return read;
  const number = readFloat(value);
  if (number === undefined || !Number.isFinite(number)) {
    if (typeof value === "number" && !Number.isNaN(value)) {
      throw new TemplateError("OverflowError", "cannot convert float infinity to integer");
    }
    return fallback;
  }
  const whole = numberOf(value);
  return typeof whole === "bigint" ? whole : BigInt(Math.trunc(number));
}

const trimmed = (text: string): string => stripped(text, null, "both");

/** Digits of all scripts count as theirs. */
const ascii = (text: string): string =>
  text.replace(/\p{Nd}/gu, (digit) => {
    let zero = digit.codePointAt(0)!;
    // The ten digits of a script stand side by side.
    for (let step = 0; step < 9 && /^\p{Nd}$/u.test(String.fromCodePoint(zero - 1)) && zero > 0x39; step += 1)
      zero -= 1;
    return digit.codePointAt(0)! <= 0x39 ? digit : String((digit.codePointAt(0)! - zero) % 10);
  });

/** Python's int(text, base); undefined where it raises. */
function readInt(text: string, base: number): bigint | undefined {
  const match = /^([-+]?)(0[xXoObB]_?)?([\da-zA-Z]+(?:_[\da-zA-Z]+)*)$/.exec(ascii(trimmed(text)));
  if (match === null) return undefined;
  const [, sign, prefix = "", digits = ""] = match;
  const radix = { x: 16, o: 8, b: 2 }[prefix.slice(1, 2).toLowerCase()] ?? (base === 0 ? 10 : base);
  if (prefix !== "" && base !== 0 && base !== radix) {
    return base > 10 ? readInt(`${sign ?? ""}${prefix.slice(1)}${digits}`, base) : undefined;
  }
  let value = 0n;
  for (const digit of digits.replaceAll("_", "")) {
    const number = parseInt(digit, 36);
    if (number >= radix) return undefined;
    value = value * BigInt(radix) + BigInt(number);
  }
  return sign === "-" ? -value : value;
}

/** Python's float(x); undefined where it raises. */
export function readFloat(value: Value): number | undefined {
  const number = numberOf(value);
  if (number !== undefined) return Number(number);
  const text = textOf(value);
  if (text === undefined) return undefined;
  const plain = ascii(trimmed(text));
  if (/^[-+]?(?:inf|infinity)$/i.test(plain)) return plain.startsWith("-") ? -Infinity : Infinity;
  if (/^[-+]?nan$/i.test(plain)) return NaN;
  const digits = "\\d+(?:_\\d+)*";
  const form = new RegExp(`^[-+]?(?:${digits}\\.?(?:${digits})?|\\.${digits})(?:[eE][-+]?${digits})?$`);
  return form.test(plain) ? Number(plain.replaceAll("_", "")) : undefined;
}

function rounded(value: Value, precision: Value, method: Value): Value {
  const number = numberOf(defined(value));
  const places = integer(precision);
  if (method === "ceil" || method === "floor") {
    const scaled = Number(arithmetic("*", value, arithmetic("**", 10n, precision)));
    const whole = method === "ceil" ? Math.ceil(scaled) : Math.floor(scaled);
    return arithmetic("/", BigInt(whole), arithmetic("**", 10n, precision));
  }
  if (method !== "common") throw argumentError("method must be common, ceil or floor");
  if (number === undefined) throw typeError(`type ${typeName(value)} doesn't define __round__ method`);
  if (typeof number === "bigint") return places >= 0 ? number : roundedTo(number, 10n ** BigInt(-places));
  if (!Number.isFinite(number) || Math.abs(number) >= 1e21) return number;
  if (places < 0) return Number(roundedTo(BigInt(fixed(number, 0)), 10n ** BigInt(-places)));
  return Number(fixed(number, places));
}

/** To a multiple of `unit`, halves to the even one. */
function roundedTo(number: bigint, unit: bigint): bigint {
  const rest = ((number % unit) + unit) % unit;
  const low = number - rest;
  const up = 2n * rest > unit || (2n * rest === unit && (low / unit) % 2n !== 0n);
  return up ? low + unit : low;
}
