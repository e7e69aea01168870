import Fraction from "fraction.js";

/** Between groups of three digits: as people, locales and LaTeX write it. A plain space parts two numbers. */
const separator = String.raw`(?:,\\!|\{,\}|\\[,;:! ]|~|[,'’_\u00a0\u2009\u202f])`;
const whole = String.raw`(?:\d{1,3}(?:${separator}\d{3})+(?!\d)|\d{1,2}(?:,\d{2})+,\d{3}(?!\d)|\d+)`;
const decimal = String.raw`(?:${whole}(?:\.\d+)?|(?<!\d)\.\d+)`;
const exponent = String.raw`(?:[eE][-+−]?\d+(?!\w)|\s*(?:×|·|\*|x|\\times|\\cdot)\s*10\s*(?:\^|\*\*)\s*\{?[-−]?\d+\}?)`;
/** A minus after a digit, letter or bracket takes away, and is no sign. */
const sign = String.raw`(?:(?<![\p{L}\d)\]}.])[-−–－]\s?(?=[\d.\\$€£¥₹]))?`;
const currency = String.raw`(?:\\?[$€£¥₹]\s?)?`;
const ratio = String.raw`(?:\d+\s)?(?<![/\d.])\d+/\d+(?![\d/]|\.\d)`;
const power = String.raw`\d+(?:\^|\*\*)(?:\{[-−]?\d+\}|[-−]?\d+)`;
const number = `${sign}${currency}(?:${ratio}|${power}|${decimal}${exponent}?)`;
/** Digits within a name, and those of an index or of an exponent of a name or unit, are no numbers: H2O, x_1, cm^2. */
const alone = String.raw`(?<![A-Za-z]|[A-Za-z\d}]_\{?|[A-Za-z)}]\^\{?)|(?<=\b(?:USD|EUR|GBP|Rs))`;
const inText = new RegExp(`(?:${alone})${number}`, "gu");
const alsoAlone = new RegExp(`^(?:${number})\\s*(?:\\\\?%)?$`, "u");

/** The last number of a text as it is written, without what groups its digits; undefined where there is none. */
export function lastNumber(text: string): string | undefined {
  const found = [...toPlainDigits(text).matchAll(inText)].at(-1)?.[0];
  return found === undefined ? undefined : ungroup(found);
}

/** The exact value of a number as people write it; undefined for what is none, or has thousands of digits. */
export function valueOfNumber(text: string): Fraction | undefined {
  const plain = toPlainDigits(text).trim();
  return alsoAlone.test(plain) ? valueOf(ungroup(plain).replace(/\s*\\?%$/, "")) : undefined;
}

const raisedDigits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const halves: readonly (readonly [string, string])[] = [
  ["½", "1/2"],
  ["¼", "1/4"],
  ["¾", "3/4"],
  ["⅓", "1/3"],
  ["⅔", "2/3"],
];

/** Digits of every script as ASCII's, fractions of LaTeX and of Unicode as n/d, raised digits as exponents. */
function toPlainDigits(text: string): string {
  let plain = text
    .replace(/\p{Nd}/gu, (digit) => String(valueOfDigit(digit.codePointAt(0)!)))
    .replaceAll("٫", ".")
    .replaceAll("٬", ",")
    .replace(/⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+/gu, (raised) => {
      const digits = raised.replace(/./gu, (one) => (one === "⁻" ? "-" : String(raisedDigits.indexOf(one))));
      return `^{${digits}}`;
    })
    .replace(
      /(?:(\d)\s?)?\\[dtc]?frac\s?(?:\{\s?(-?\d+)\s?\}\s?\{\s?(\d+)\s?\}|(\d)\s?(\d))/g,
      (...found: string[]) => {
        const [, before = "", n, d, digit, last] = found;
        return `${before}${before === "" ? "" : " "}${n ?? digit ?? ""}/${d ?? last ?? ""}`;
      },
    );
  for (const [symbol, fraction] of halves) {
    plain = plain.replace(new RegExp(`(\\d?)${symbol}`, "g"), (_, before: string) =>
      before === "" ? fraction : `${before} ${fraction}`,
    );
  }
  return plain;
}

/** Unicode has every script's digits in one run from zero to nine. */
function valueOfDigit(point: number): number {
  let before = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(point - 1 - before))) before++;
  return before % 10;
}

const ungroup = (written: string): string =>
  written
    .replace(new RegExp(`(?<=\\d)${separator}(?=\\d)`, "gu"), "")
    .replace(/^[-−–－]\s?/, "-")
    .replace(new RegExp(`^(-?)${currency}`, "u"), "$1")
    .replaceAll("−", "-");

/** Exponents whose powers are written out: more digits than any answer has. */
const maxExponent = 4000;

function valueOf(plain: string): Fraction | undefined {
  const [, minus, body = ""] = /^(-?)(.*)$/s.exec(plain) ?? [];
  const signed = (value: Fraction): Fraction => (minus === "-" ? value.neg() : value);
  const mixed = /^(?:(\d+)\s)?(\d+)\/(\d+)$/.exec(body);
  if (mixed !== null) {
    const [, units = "0", n = "0", d = "1"] = mixed;
    if (BigInt(d) === 0n) return undefined;
    return signed(new Fraction(BigInt(n), BigInt(d)).add(BigInt(units)));
  }
  const scientific = /^([\d.]+)(?:[eE]([-+]?\d+)|\D*10\D*?[\^*]+\s*\{?(-?\d+)\}?)?$/.exec(body);
  if (scientific !== null) {
    const tens = Number(scientific[2] ?? scientific[3] ?? 0);
    if (Math.abs(tens) > maxExponent) return undefined;
    const scale = new Fraction(10n ** BigInt(Math.abs(tens)));
    const mantissa = new Fraction(scientific[1]!);
    return signed(tens < 0 ? mantissa.div(scale) : mantissa.mul(scale));
  }
  const [, base = "", exponentText = ""] = /^(\d+)[\^*]+\{?(-?\d+)\}?$/.exec(body) ?? [];
  const raised = Number(exponentText);
  if (base === "" || Math.abs(raised) * base.length > maxExponent || (raised < 0 && /^0*$/.test(base)))
    return undefined;
  const value = new Fraction(BigInt(base) ** BigInt(Math.abs(raised)));
  return signed(raised < 0 ? value.inverse() : value);
}
