import { Decimal } from "decimal.js";
import Fraction from "fraction.js";
import { exponential, isNegative, isZero, ln, power, root } from "./powers.ts";
import { TooLarge, add, exact, invert, isExact, isReal, multiply, negate, toRounded } from "./value.ts";
import type { Budget, Digits, Exact, Value } from "./value.ts";

type Apply = (args: readonly Value[], digits: Digits, budget: Budget) => Value | undefined;

const maxFactorial = 3000n;

const real =
  (apply: (x: Decimal, digits: Digits) => Decimal): Apply =>
  ([x], digits) => {
    if (x === undefined || !isReal(x)) return undefined;
    const { re } = toRounded(x, digits);
    if (re.abs().gt(1e9)) throw new TooLarge("an angle of too many digits");
    const value = apply(re, digits);
    return value.isFinite() ? { re: value, im: new digits(0) } : undefined;
  };

const inverse =
  (apply: Apply): Apply =>
  (args, digits, budget) => {
    const value = apply(args, digits, budget);
    return value && invert(value);
  };

const one = (digits: Digits): Decimal => new digits(1);
const sine = real((x) => x.sin());
const cosine = real((x) => x.cos());
const tangent = real((x) => x.tan());

/** The whole number that a value is. */
export const whole = (value: Value | undefined): bigint | undefined =>
  value !== undefined && isExact(value) && isReal(value) && value.re.d === 1n
    ? value.re.n * value.re.s
    : undefined;

const wholes =
  (apply: (numbers: readonly bigint[]) => Fraction | bigint | undefined): Apply =>
  (args) => {
    const numbers = args.map(whole);
    const value = numbers.every((number) => number !== undefined) ? apply(numbers) : undefined;
    return value === undefined ? undefined : exact(value);
  };

function product(from: bigint, to: bigint, by = 1n): bigint | undefined {
  if (to > maxFactorial) throw new TooLarge("a factorial of too many digits");
  let value = 1n;
  for (let factor = from; factor <= to; factor += by) value *= factor;
  return value;
}

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? (a < 0n ? -a : a) : gcd(b, a % b);
}

const lcm = (a: bigint, b: bigint): bigint => (a * b === 0n ? 0n : a * (b / gcd(a, b)));

/** n (n-1) … (n-k+1) / k!, for any n. */
const binomial: Apply = ([n, k], digits, budget) => {
  const count = whole(k);
  if (n === undefined || count === undefined || count < 0n) return undefined;
  if (count > 500n) throw new TooLarge("a binomial coefficient of too many digits");
  let value: Value = exact(1);
  for (let at = 0n; at < count; at++) {
    value = budget.check(
      multiply(multiply(value, add(n, exact(-at), digits), digits), exact(new Fraction(1n, at + 1n)), digits),
    );
  }
  return value;
};

const rounded =
  (round: "floor" | "ceil"): Apply =>
  ([x], digits) => {
    if (x === undefined || !isReal(x)) return undefined;
    return isExact(x) ? exact(x.re[round]()) : exact(BigInt(toRounded(x, digits).re[round]().toFixed()));
  };

const extreme =
  (isMore: boolean): Apply =>
  (args, digits) =>
    args.every(isReal)
      ? args.reduce((best, next) => (isNegative(add(next, negate(best), digits)) === isMore ? best : next))
      : undefined;

const logarithm: Apply = (args, digits) => {
  const x = args.at(-1);
  const base = args.length > 1 ? args[0] : exact(10);
  if (base === undefined || x === undefined) return undefined;
  const power = isExact(base) && isExact(x) ? exactLogarithm(base, x) : undefined;
  if (power !== undefined) return exact(power);
  const [top, bottom] = [ln(x, digits), ln(base, digits)];
  const divisor = bottom && invert(bottom);
  return top && divisor && multiply(top, divisor, digits);
};

/** Where it is a whole number. */
function exactLogarithm({ re: base, im }: Exact, { re: x, im: other }: Exact): bigint | undefined {
  if (im.n !== 0n || other.n !== 0n || base.d !== 1n || base.n < 2n || x.n < 1n || x.s < 0n) return undefined;
  if (x.n !== 1n && x.d !== 1n) return undefined;
  let [power, value] = [0n, 1n];
  const target = x.d === 1n ? x.n : x.d;
  for (; value < target; power++) value *= base.n;
  return value === target ? (x.d === 1n ? power : -power) : undefined;
}

/** What a name means of arguments; undefined where it has no value. */
export const functions: Readonly<Record<string, Apply>> = {
  "+": ([x, y], digits) => x && y && add(x, y, digits),
  "*": ([x, y], digits) => x && y && multiply(x, y, digits),
  "/": ([x, y], digits) => {
    const divisor = y && invert(y);
    return x && divisor && multiply(x, divisor, digits);
  },
  neg: ([x]) => x && negate(x),
  "^": ([x, y], digits, budget) => x && y && power(x, y, digits, budget),
  root: ([n, x], digits) => {
    const degree = whole(n);
    return x && degree !== undefined && degree < 1000n ? root(Number(degree), x, digits) : undefined;
  },
  degree: ([x], digits) => x && multiply(x, { re: digits.acos(-1).div(180), im: new digits(0) }, digits),
  sin: (args, ...rest) => (args[0] && isZero(args[0]) ? exact(0) : sine(args, ...rest)),
  cos: cosine,
  tan: (args, ...rest) => (args[0] && isZero(args[0]) ? exact(0) : tangent(args, ...rest)),
  cot: inverse(tangent),
  sec: inverse(cosine),
  csc: inverse(sine),
  arcsin: real((x) => x.asin()),
  arccos: real((x) => x.acos()),
  arctan: real((x) => x.atan()),
  arccot: real((x, digits) => one(digits).div(x).atan()),
  arcsec: real((x, digits) => one(digits).div(x).acos()),
  arccsc: real((x, digits) => one(digits).div(x).asin()),
  sinh: real((x) => x.sinh()),
  cosh: real((x) => x.cosh()),
  tanh: real((x) => x.tanh()),
  coth: inverse(real((x) => x.tanh())),
  sech: inverse(real((x) => x.cosh())),
  csch: inverse(real((x) => x.sinh())),
  arcsinh: real((x) => x.asinh()),
  arccosh: real((x) => x.acosh()),
  arctanh: real((x) => x.atanh()),
  exp: ([x], digits) => x && exponential(x, digits),
  ln: ([x], digits) => x && ln(x, digits),
  log: logarithm,
  lg: logarithm,
  abs: ([x], digits) => {
    if (x === undefined) return undefined;
    if (isReal(x)) return isNegative(x) ? negate(x) : x;
    return root(
      2,
      multiply(x, isExact(x) ? { re: x.re, im: x.im.neg() } : { re: x.re, im: x.im.neg() }, digits),
      digits,
    );
  },
  floor: rounded("floor"),
  ceil: rounded("ceil"),
  min: extreme(false),
  max: extreme(true),
  mod: wholes(([a = 0n, b = 0n]) => (b === 0n ? undefined : ((a % b) + b) % b)),
  gcd: wholes((numbers) => numbers.reduce(gcd)),
  lcm: wholes((numbers) => numbers.reduce(lcm)),
  factorial: wholes(([n = 0n]) => (n < 0n ? undefined : product(1n, n))),
  factorial2: wholes(([n = 0n]) => (n < 0n ? undefined : product(n % 2n === 0n ? 2n : 1n, n, 2n))),
  binom: binomial,
};
