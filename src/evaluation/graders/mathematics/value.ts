import { Decimal } from "decimal.js";
import Fraction from "fraction.js";

/** A complex number, exact in both parts. */
export interface Exact {
  readonly re: Fraction;
  readonly im: Fraction;
}

/** A complex number to a number of digits. */
export interface Rounded {
  readonly re: Decimal;
  readonly im: Decimal;
}

export type Value = Exact | Rounded;

/** Arithmetic of so many digits; that of decimal.js. */
export type Digits = typeof Decimal;

export const isExact = (value: Value): value is Exact => value.re instanceof Fraction;

const zero = new Fraction(0);
export const exact = (re: Fraction | bigint | number, im: Fraction = zero): Exact => ({
  re: new Fraction(re),
  im,
});
export const isReal = ({ im }: Value): boolean => (im instanceof Fraction ? im.n === 0n : im.isZero());

/** Work or a number that grew too large: an answer is then compared as notation. */
export class TooLarge extends Error {}

const maxBits = 40_000;
const maxDecimalExponent = 20_000;

const bitsOf = (value: bigint): number => value.toString(16).length * 4;

/** Counts what a comparison costs, so that none takes long. */
export class Budget {
  #left: number;

  constructor(steps: number) {
    this.#left = steps;
  }

  /** @throws TooLarge once it is spent */
  spend(steps: number): void {
    if ((this.#left -= steps) < 0) throw new TooLarge("too much work");
  }

  /** @throws TooLarge for a value beyond bounds, or none */
  check<One extends Value>(value: One): One {
    if (!isExact(value)) {
      this.spend(20);
      for (const part of [value.re, value.im]) {
        if (!part.isFinite() || (!part.isZero() && Math.abs(part.e) > maxDecimalExponent))
          throw new TooLarge("no number");
      }
      return value;
    }
    const bits = [value.re.n, value.re.d, value.im.n, value.im.d].reduce(
      (sum, part) => sum + bitsOf(part),
      0,
    );
    this.spend(1 + Math.ceil((bits / 1000) ** 2));
    if (bits > maxBits) throw new TooLarge("too many digits");
    return value;
  }
}

export function toRounded(value: Value, digits: Digits): Rounded {
  if (!isExact(value)) return value;
  const part = ({ s, n, d }: Fraction): Decimal =>
    new digits(n.toString()).div(d.toString()).mul(s < 0n ? -1 : 1);
  return { re: part(value.re), im: part(value.im) };
}

export function add(x: Value, y: Value, digits: Digits): Value {
  if (isExact(x) && isExact(y)) return { re: x.re.add(y.re), im: x.im.add(y.im) };
  const [a, b] = [toRounded(x, digits), toRounded(y, digits)];
  return { re: a.re.add(b.re), im: a.im.add(b.im) };
}

export const negate = (x: Value): Value =>
  isExact(x) ? { re: x.re.neg(), im: x.im.neg() } : { re: x.re.neg(), im: x.im.neg() };

export function multiply(x: Value, y: Value, digits: Digits): Value {
  if (isExact(x) && isExact(y)) {
    if (isReal(x) && isReal(y)) return { re: x.re.mul(y.re), im: zero };
    return { re: x.re.mul(y.re).sub(x.im.mul(y.im)), im: x.re.mul(y.im).add(x.im.mul(y.re)) };
  }
  const [a, b] = [toRounded(x, digits), toRounded(y, digits)];
  if (isReal(a) && isReal(b)) return { re: a.re.mul(b.re), im: new digits(0) };
  return { re: a.re.mul(b.re).sub(a.im.mul(b.im)), im: a.re.mul(b.im).add(a.im.mul(b.re)) };
}

/** @returns undefined for 1/0 */
export function invert(x: Value): Value | undefined {
  if (isExact(x)) {
    const size = x.re.mul(x.re).add(x.im.mul(x.im));
    return size.n === 0n ? undefined : { re: x.re.div(size), im: x.im.neg().div(size) };
  }
  const size = x.re.mul(x.re).add(x.im.mul(x.im));
  return size.isZero() ? undefined : { re: x.re.div(size), im: x.im.neg().div(size) };
}
