import Fraction from "fraction.js";
import { TooLarge, exact, invert, isExact, isReal, multiply, negate, toRounded } from "./value.ts";
import type { Budget, Digits, Exact, Rounded, Value } from "./value.ts";

/** Exponents by which products are multiplied out. */
const maxMultiplied = 100_000n;
/** Beyond, e^x has more digits than are of use. */
const maxExponential = 40_000;

/** x^y. Odd roots of negative numbers are the real ones. @returns undefined where there is none */
export function power(x: Value, y: Value, digits: Digits, budget: Budget): Value | undefined {
  if (isExact(y) && isReal(y)) {
    const { s, n, d } = y.re;
    if (d === 1n) {
      if (n <= maxMultiplied)
        return s < 0n ? optional(wholePower(x, n, digits, budget), invert) : wholePower(x, n, digits, budget);
      if (isExact(x) && isReal(x) && x.re.d === 1n && x.re.n <= 1n)
        return x.re.n === 0n && s < 0n ? undefined : exact(x.re.s < 0n && n % 2n === 1n ? -1 : x.re.n);
      throw new TooLarge("a power of too many digits");
    }
    if (d <= 1000n) {
      const rooted = root(Number(d), x, digits);
      return rooted && power(rooted, exact(n * (s < 0n ? -1n : 1n)), digits, budget);
    }
  }
  if (isZero(x)) return isReal(y) && !isNegative(y) ? exact(0) : undefined;
  // A negative number to a fraction whose denominator is odd has a real power.
  if (isReal(x) && isNegative(x) && isExact(y) && isReal(y) && y.re.d % 2n === 1n) {
    const size = power(negate(x), y, digits, budget);
    return size && y.re.n % 2n === 1n ? negate(size) : size;
  }
  const logarithm = ln(x, digits);
  return logarithm && exponential(multiply(logarithm, y, digits), digits);
}

const optional = <From, To>(value: From | undefined, map: (value: From) => To | undefined): To | undefined =>
  value === undefined ? undefined : map(value);

export const isZero = ({ re, im }: Value): boolean =>
  (re instanceof Fraction ? re.n === 0n : re.isZero()) &&
  (im instanceof Fraction ? im.n === 0n : im.isZero());

export const isNegative = ({ re }: Value): boolean =>
  re instanceof Fraction ? re.s < 0n && re.n > 0n : re.isNegative();

/** By squaring. */
function wholePower(x: Value, n: bigint, digits: Digits, budget: Budget): Value {
  let value: Value = exact(1);
  let square = x;
  for (let rest = n; rest > 0n; rest >>= 1n) {
    if (rest & 1n) value = budget.check(multiply(value, square, digits));
    if (rest > 1n) square = budget.check(multiply(square, square, digits));
  }
  return value;
}

/** The n-th root: exact where it is rational, real where there is a real one, else the principal one. */
export function root(n: number, x: Value, digits: Digits): Value | undefined {
  if (n < 1) return undefined;
  if (isReal(x) && isNegative(x)) {
    if (n % 2 === 1) return optional(root(n, negate(x), digits), negate);
    if (n === 2)
      return optional(root(2, negate(x), digits), (size) =>
        multiply(size, exact(0, new Fraction(1)), digits),
      );
  }
  if (isExact(x) && isReal(x)) {
    const [numerator, denominator] = [wholeRoot(n, x.re.n), wholeRoot(n, x.re.d)];
    if (numerator !== undefined && denominator !== undefined)
      return exact(new Fraction(numerator, denominator));
  }
  const logarithm = isZero(x) ? undefined : ln(x, digits);
  if (logarithm === undefined) return exact(0);
  const { re, im } = toRounded(x, digits);
  if (n === 2 && im.isZero()) return { re: re.sqrt(), im };
  return exponential(multiply(logarithm, exact(new Fraction(1, n)), digits), digits);
}

/** The whole n-th root by Newton's method; undefined where it is not whole. */
function wholeRoot(n: number, x: bigint): bigint | undefined {
  if (x < 2n) return x;
  const degree = BigInt(n);
  const bits = x.toString(2).length;
  if (n >= bits) return undefined;
  let guess = 1n << BigInt(Math.ceil(bits / n) + 1);
  for (;;) {
    const next = ((degree - 1n) * guess + x / guess ** (degree - 1n)) / degree;
    if (next >= guess) return guess ** degree === x ? guess : undefined;
    guess = next;
  }
}

/** The principal logarithm. */
export function ln(x: Value, digits: Digits): Rounded | Exact | undefined {
  if (isZero(x)) return undefined;
  if (isExact(x) && isReal(x) && x.re.equals(1)) return exact(0);
  const { re, im } = toRounded(x, digits);
  const size = im.isZero() ? re.abs() : re.mul(re).add(im.mul(im)).sqrt();
  return { re: size.ln(), im: im.isZero() && !re.isNegative() ? im : digits.atan2(im, re) };
}

export function exponential(x: Value, digits: Digits): Value {
  if (isZero(x)) return exact(1);
  const { re, im } = toRounded(x, digits);
  if (re.abs().gt(maxExponential) || im.abs().gt(maxExponential))
    throw new TooLarge("a power of too many digits");
  const size = re.exp();
  return im.isZero() ? { re: size, im } : { re: size.mul(im.cos()), im: size.mul(im.sin()) };
}
