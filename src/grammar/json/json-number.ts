/**
 * Numbers between bounds, and multiples, as sets of decimal texts: without exponents, and each zero without a sign. A
 * bound is compared digit by digit, as by hand.
 */
import type { Expression, Rule } from "../expression.ts";
import { unsupported } from "../grammar-error.ts";
import { mostDigits } from "./json-text.ts";
import type { JsonText } from "./json-text.ts";

/** Ascending or descending, from a value on. */
export interface NumberBound {
  readonly value: number;
  readonly isExclusive: boolean;
}

/** A number's magnitude in decimal digits, without an exponent. */
interface Decimal {
  readonly isNegative: boolean;
  readonly whole: string;
  /** Without trailing zeros. */
  readonly fraction: string;
}

export function decimalOf(value: number): Decimal {
  const [, sign, digits, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(
    String(value),
  )!;
  const shift = Number(exponent);
  const all = digits! + fraction;
  const point = digits!.length + shift;
  const whole = point <= 0 ? "0" : all.slice(0, point).padEnd(point, "0");
  const rest = point <= 0 ? "0".repeat(-point) + all : all.slice(point);
  return {
    isNegative: sign === "-" && value !== 0,
    whole: whole.replace(/^0+(?=\d)/, ""),
    fraction: rest.replace(/0+$/, ""),
  };
}

function checked({ value }: NumberBound): Decimal {
  const decimal = decimalOf(value);
  if (decimal.whole.length > mostDigits || decimal.fraction.length > mostDigits)
    throw unsupported(`has a bound of ${value}: more than ${mostDigits} digits, written without an exponent`);
  return decimal;
}

export class JsonNumber {
  readonly #text: JsonText;
  readonly #digit: Expression;
  readonly #fraction: Expression;
  /** Numbers without a sign, and those above 0. */
  readonly #unsigned: Expression;
  readonly #positive: Expression;
  readonly #minus: Expression;

  constructor(text: JsonText) {
    const { make } = text;
    this.#text = text;
    this.#digit = text.digit(0, 9);
    this.#minus = text.text("-");
    this.#fraction = make.sequence(text.text("."), make.repeat(this.#digit, 1, mostDigits));
    const whole = this.#wholes(1, mostDigits);
    this.#unsigned = make.sequence(whole, make.optional(this.#fraction));
    const zeros = make.sequence(
      text.digit(0, 0),
      make.optional(make.sequence(text.text("."), make.repeat(text.digit(0, 0), 1, mostDigits))),
    );
    this.#positive = make.without(this.#unsigned, zeros);
  }

  get plainInteger(): Expression {
    const { make } = this.#text;
    const whole = this.#wholes(1, mostDigits);
    return make.choice(whole, make.sequence(this.#minus, make.without(whole, this.#text.digit(0, 0))));
  }

  /** All of them, where something is asked of their values. */
  get plain(): Expression {
    return this.#text.make.choice(this.#unsigned, this.#text.make.sequence(this.#minus, this.#positive));
  }

  /** @throws GrammarError for bounds of more digits than numbers have */
  atLeast(bound: NumberBound): Expression {
    const decimal = checked(bound);
    if (!decimal.isNegative) return this.#compared(decimal, false, bound.isExclusive);
    return this.#text.make.choice(
      this.#negative(this.#compared(decimal, true, bound.isExclusive)),
      this.#unsigned,
    );
  }

  /** @throws GrammarError as `atLeast` */
  atMost(bound: NumberBound): Expression {
    const decimal = checked(bound);
    if (decimal.isNegative) return this.#negative(this.#compared(decimal, false, bound.isExclusive));
    const under = this.#compared(decimal, true, bound.isExclusive);
    return this.#text.make.choice(under, this.#negative(this.#positive));
  }

  /** Multiples of a positive number. */
  multipleOf(value: number): Expression {
    const { whole, fraction } = decimalOf(value);
    const modulus = Number(whole + fraction);
    // Remainders are told apart at each place behind the point.
    if (!(modulus * Math.max(1, fraction.length) <= mostResidues))
      throw unsupported(
        `has multipleOf ${value}, which has too many digits: ${mostResidues} at most, written without the point, times the digits behind it`,
      );
    return this.#multiples(modulus, fraction.length);
  }

  #negative(magnitude: Expression): Expression {
    const { make } = this.#text;
    return make.sequence(this.#minus, make.both(magnitude, this.#positive));
  }

  /** Magnitudes under or over a decimal. */
  #compared({ whole, fraction }: Decimal, isUnder: boolean, isExclusive: boolean): Expression {
    const { make } = this.#text;
    const { length } = whole;
    const others = isUnder
      ? length > 1
        ? this.#wholes(1, length - 1)
        : make.nothing
      : length < mostDigits
        ? this.#wholes(length + 1, mostDigits)
        : make.nothing;
    const beyond = make.choice(others, this.#sameLength(whole, isUnder));
    const equal = make.sequence(
      this.#text.text(whole),
      this.#comparedFraction(fraction, isUnder, isExclusive),
    );
    return make.choice(make.sequence(beyond, make.optional(this.#fraction)), equal);
  }

  /** Whole numbers of as many digits under or over one. */
  #sameLength(whole: string, isUnder: boolean): Expression {
    const { make } = this.#text;
    const options = Array.from(whole, (character, index) => {
      const digit = Number(character);
      const least = index === 0 && whole.length > 1 ? 1 : 0;
      const [from, to] = isUnder ? [least, digit - 1] : [digit + 1, 9];
      if (from > to) return make.nothing;
      const rest = whole.length - index - 1;
      return make.sequence(
        this.#text.text(whole.slice(0, index)),
        this.#text.digit(from, to),
        make.repeat(this.#digit, rest, rest),
      );
    });
    return make.choice(...options);
  }

  /** What follows the same whole part: nothing, or a point and digits. */
  #comparedFraction(fraction: string, isUnder: boolean, isExclusive: boolean): Expression {
    const { make } = this.#text;
    const zero = this.#text.digit(0, 0);
    const rest = (from: number, most = mostDigits): Expression => make.repeat(this.#digit, 0, most - from);
    const options: Expression[] = [];
    for (const [index, character] of Array.from(fraction).entries()) {
      const digit = Number(character);
      const [from, to] = isUnder ? [0, digit - 1] : [digit + 1, 9];
      const same = this.#text.text(fraction.slice(0, index));
      if (from <= to) options.push(make.sequence(same, this.#text.digit(from, to), rest(index + 1)));
      // To stop here is to go on with zeros, and this digit is the first that is none, or others follow.
      if (isUnder && index > 0) options.push(same);
    }
    const zeros = make.repeat(zero, 0, mostDigits - fraction.length);
    const equal = make.sequence(this.#text.text(fraction), zeros);
    const over = make.sequence(
      this.#text.text(fraction),
      make.repeat(this.#digit, 0, mostDigits - fraction.length),
    );
    if (!isUnder) options.push(isExclusive ? make.without(over, equal) : over);
    else if (!isExclusive) options.push(equal);
    const digits = make.both(make.choice(...options), make.repeat(this.#digit, 1, mostDigits));
    const withoutPoint = fraction === "" ? !isExclusive : isUnder;
    return make.choice(make.sequence(this.#text.text("."), digits), withoutPoint ? make.empty : make.nothing);
  }

  #wholes(least: number, most: number): Expression {
    const { make } = this.#text;
    const long = make.sequence(
      this.#text.digit(1, 9),
      make.repeat(this.#digit, Math.max(1, least - 1), most - 1),
    );
    return least > 1 ? long : make.choice(this.#digit, most > 1 ? long : make.nothing);
  }

  /** By the remainder of what was read, times 10 to the digits after the point that are still to come. */
  #multiples(modulus: number, places: number): Expression {
    const { make } = this.#text;
    const rules = new Map<string, Rule>();
    const isWhole = (remainder: number, place: number): boolean =>
      (remainder * 10 ** (places - place)) % modulus === 0;
    /** @param place digits after the point so far; −1 before it */
    const after = (remainder: number, place: number): Expression => {
      const key = `${remainder}/${place}`;
      let rule = rules.get(key);
      if (rule === undefined) {
        rules.set(key, (rule = { name: `multiple ${key}`, body: undefined }));
        rule.body = body(remainder, place);
      }
      return make.reference(rule);
    };
    const digits = (remainder: number, place: number): Expression[] =>
      Array.from({ length: 10 }, (_, digit) => ({ digit, next: (10 * remainder + digit) % modulus })).map(
        ({ digit, next }) => make.sequence(this.#text.digit(digit, digit), after(next, place)),
      );
    const body = (remainder: number, place: number): Expression => {
      const end = isWhole(remainder, Math.max(0, place)) ? make.empty : make.nothing;
      if (place >= 0) return make.choice(end, ...(place < places ? digits(remainder, place + 1) : []));
      return make.choice(end, pointed(remainder), ...digits(remainder, -1));
    };
    const pointed = (remainder: number): Expression =>
      places === 0 ? make.nothing : make.sequence(this.#text.text("."), make.choice(...digits(remainder, 1)));
    const zero = this.#text.digit(0, 0);
    const zeros = make.sequence(
      zero,
      make.optional(make.sequence(this.#text.text("."), make.repeat(zero, 1))),
    );
    // A first digit of 0 is the only one before the point.
    const small = make.sequence(zero, make.choice(make.empty, pointed(0)));
    const large = make.choice(...digits(0, -1).slice(1));
    const negative = make.choice(large, make.without(small, zeros));
    return make.choice(small, large, make.sequence(this.#minus, negative));
  }
}

/** Remainders that are told apart at most. */
const mostResidues = 1000;
