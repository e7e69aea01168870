import Fraction from "fraction.js";
import { determinant } from "./determinant.ts";
import { call, symbol } from "./node.ts";
import type { Node } from "./node.ts";
import { Unreadable } from "./reader.ts";
import type { Reader } from "./reader.ts";
import { allReal } from "./settle.ts";

const functions =
  /^\\(?:(?:arc)?(?:sin|cos|tan|cot|sec|csc)|(?:sin|cos|tan|cot|sec|csc)h|ln|log|lg|exp|gcd|lcm|min|max|det)$/;
const names = new RegExp(
  String.raw`^\\(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi` +
    "|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega" +
    "|infty|emptyset|ell|angle|triangle|odot|circ|square)$",
);
const number = (value: Fraction | number): Node => ({
  kind: "number",
  value: new Fraction(value),
  isRounded: false,
});

const maxDigits = 2000;

/** Reads a bracket that may hold a list; whole.ts knows how. */
export type ReadBracket = (reader: Reader) => Node;

/** Sums, products, powers and functions. @param bracket reads what begins with a bracket or is a matrix */
export class ExpressionReader {
  readonly #reader: Reader;
  readonly #bracket: ReadBracket;

  constructor(reader: Reader, bracket: ReadBracket) {
    this.#reader = reader;
    this.#bracket = bracket;
  }

  /** @throws Unreadable */
  sum(): Node {
    return this.#reader.nested(() => {
      const reader = this.#reader;
      const sign = reader.take("+", "-", "\\pm", "\\mp");
      let value = this.#product();
      if (sign === "-") value = call("neg", value);
      else if (sign !== undefined && sign !== "+") value = call(sign === "\\pm" ? "±" : "∓", value);
      for (;;) {
        const operator = reader.take("+", "-", "\\pm", "\\mp");
        if (operator === undefined) return value;
        const term = this.#product();
        if (operator === "+") value = call("+", value, term);
        else if (operator === "-") value = call("+", value, call("neg", term));
        else value = call("+", value, call(operator === "\\pm" ? "±" : "∓", term));
      }
    });
  }

  #product(isArgument = false): Node {
    const reader = this.#reader;
    let value = this.#factor();
    for (;;) {
      if (!isArgument && reader.take("*", "\\cdot") !== undefined) value = call("*", value, this.#factor());
      else if (reader.take("/") !== undefined) value = call("/", value, this.#factor());
      else if (reader.take("\\bmod", "\\mod") !== undefined) value = call("mod", value, this.#factor());
      else if (!this.#beginsFactor(isArgument)) return value;
      else if (this.#isMixed(value)) value = this.#postfix(call("+", value, this.#atom()));
      else value = call("*", value, this.#power());
    }
  }

  /** A whole number before a fraction of whole numbers: 1\frac{1}{2}. */
  #isMixed(before: Node): boolean {
    if (before.kind !== "number" || before.isRounded || before.value.d !== 1n) return false;
    const notation = [0, 1, 2, 3, 4, 5, 6].map((ahead) => this.#reader.peek(ahead)).join("");
    return /^\\frac\{\d+\}\{\d+\}$/.test(notation);
  }

  #beginsFactor(isArgument: boolean): boolean {
    const { next } = this.#reader;
    if (next === undefined || next.kind === "word") return false;
    if (next.kind === "letter") return true;
    // "x2" and "(1)2" read as products; two numbers in a row are none.
    if (next.kind === "number") return !/^\d/.test(this.#reader.peek(-1));
    if (next.text === "|") return this.#reader.bars === 0;
    if (next.kind === "mark")
      return (
        ["(", "{"].includes(next.text) || (next.text === "[" && !isArgument && this.#reader.peek(1) !== "")
      );
    if (functions.test(next.text)) return !isArgument;
    return (
      /^\\(?:frac|sqrt|binom|sum|prod|lfloor|lceil|begin|langle)$/.test(next.text) || names.test(next.text)
    );
  }

  #factor(): Node {
    const reader = this.#reader;
    const sign = reader.take("-", "+", "\\pm");
    if (sign === undefined) return this.#mixed();
    const value = reader.nested(() => this.#factor());
    return sign === "+" ? value : call(sign === "-" ? "neg" : "±", value);
  }

  /** "1 1/2": two numbers in a row, the second of which is a fraction's. */
  #mixed(): Node {
    const reader = this.#reader;
    const isMixed =
      [0, 1, 3].every((ahead) => /^\d+$/.test(reader.peek(ahead))) &&
      reader.peek(2) === "/" &&
      reader.peek(4) !== "!";
    if (!isMixed) return this.#power();
    const [units, n] = [reader.shift().text, reader.shift().text];
    reader.shift();
    const d = reader.shift().text;
    if (BigInt(d) === 0n) throw new Unreadable("division by zero");
    return number(new Fraction(BigInt(n), BigInt(d)).add(BigInt(units)));
  }

  #power(): Node {
    return this.#postfix(this.#atom());
  }

  #postfix(atom: Node): Node {
    const reader = this.#reader;
    let value = atom;
    for (;;) {
      if (reader.take("!") !== undefined) {
        value = reader.take("!") === undefined ? call("factorial", value) : call("factorial2", value);
      } else if (reader.is("^")) {
        reader.shift();
        if (reader.take("\\circ") !== undefined) value = call("degree", value);
        else if (reader.is("\\prime", "'", "*")) value = call(`prime${reader.shift().text}`, value);
        else value = call("^", value, this.#argument());
      } else if (reader.take("'") !== undefined) value = call("prime'", value);
      else if (reader.take("%", "\\%") !== undefined) value = { kind: "measure", value, unit: "%" };
      else return value;
    }
  }

  /** A macro's argument, exponent or index: in braces, or a single token; a minus is let through. */
  #argument(): Node {
    const reader = this.#reader;
    if (reader.take("{") !== undefined) {
      const value = this.sum();
      reader.expect("}");
      return value;
    }
    if (reader.take("-") !== undefined) return call("neg", this.#argument());
    if (reader.next?.kind === "number") {
      const { text } = reader.shift();
      return this.#number(text);
    }
    return this.#atom();
  }

  #number(text: string): Node {
    const [mantissa = "", exponent = "0"] = text.split(/[eE]/);
    if (Math.abs(Number(exponent)) > maxDigits || text.length > maxDigits)
      throw new Unreadable("too many digits");
    const scale = new Fraction(10n ** BigInt(Math.abs(Number(exponent))));
    const value = new Fraction(mantissa.replace(/\.$/, ""));
    const isRepeating = mantissa.endsWith(")");
    return {
      kind: "number",
      value: exponent.startsWith("-") ? value.div(scale) : value.mul(scale),
      isRounded: /\.\d/.test(mantissa) && !isRepeating,
    };
  }

  #atom(): Node {
    const reader = this.#reader;
    const token = reader.shift();
    if (token.kind === "number") return this.#based(token.text);
    if (token.kind === "letter") return this.#indexed(token.text);
    if (token.kind === "word") throw new Unreadable("a word in a formula");
    if (names.test(token.text)) return this.#indexed(token.text.slice(1));
    if (functions.test(token.text)) return this.#function(token.text.slice(1));
    switch (token.text) {
      case "\\frac": {
        const n = this.#argument();
        return call("/", n, this.#argument());
      }
      case "\\sqrt":
        return this.#root();
      case "\\binom": {
        const n = this.#argument();
        return call("binom", n, this.#argument());
      }
      case "\\sum":
      case "\\prod":
        return this.#series(token.text.slice(1));
      case "|":
        return this.#absolute();
      case "\\lfloor":
        return this.#enclosed("floor", "\\rfloor");
      case "\\lceil":
        return this.#enclosed("ceil", "\\rceil");
      default:
        reader.goTo(reader.at - 1);
        return reader.nested(() => this.#bracket(reader));
    }
  }

  #enclosed(name: string, end: string): Node {
    const value = this.sum();
    this.#reader.expect(end);
    return call(name, value);
  }

  /** \sum_{k=1}^{n} and what it sums, up to the next plus; arguments as `series` in evaluate.ts has them. */
  #series(name: string): Node {
    const reader = this.#reader;
    reader.expect("_");
    reader.expect("{");
    const index = this.#atom();
    reader.expect("=");
    const from = this.sum();
    reader.expect("}");
    reader.expect("^");
    return call(
      name,
      index,
      from,
      this.#argument(),
      reader.nested(() => this.#product()),
    );
  }

  #absolute(): Node {
    this.#reader.bars++;
    const value = this.#enclosed("abs", "|");
    this.#reader.bars--;
    return value;
  }

  #root(): Node {
    const reader = this.#reader;
    let degree: Node = number(2);
    if (reader.take("[") !== undefined) {
      degree = this.sum();
      reader.expect("]");
    }
    return call("root", degree, this.#argument());
  }

  /** Digits with the base as index: 123_8. */
  #based(digits: string): Node {
    const reader = this.#reader;
    if (reader.take("_") === undefined) return this.#number(digits);
    const base = this.#argument();
    if (base.kind !== "number" || !/^\d+$/.test(digits)) throw new Unreadable("an index of a number");
    const radix = base.value.n;
    if (base.value.d !== 1n || radix < 2n || radix > 36n) throw new Unreadable("no base");
    let value = 0n;
    for (const digit of digits) {
      if (BigInt(digit) >= radix) throw new Unreadable("no digit of its base");
      value = value * radix + BigInt(digit);
    }
    return number(new Fraction(value));
  }

  #indexed(name: string): Node {
    const reader = this.#reader;
    if (name === "𝔹R") return allReal;
    if (reader.take("_") === undefined) return symbol(name);
    const from = reader.at;
    if (reader.take("{") === undefined) reader.shift();
    else for (let depth = 1; depth > 0;) depth += { "{": 1, "}": -1 }[reader.shift().text] ?? 0;
    return symbol(`${name}_${reader.textBetween(from, reader.at)}`);
  }

  /** \sin^2 x, \log_2 8, \sin^{-1} x; without brackets the argument is the product that follows. */
  #function(name: string): Node {
    const reader = this.#reader;
    const base = reader.take("_") === undefined ? undefined : this.#argument();
    const power = reader.take("^") === undefined ? undefined : this.#argument();
    const isInverse = power?.kind === "call" && power.name === "neg" && isOne(power.args[0]);
    const args = this.#functionArguments();
    if (name === "det" && args[0]?.kind === "matrix") return determinant(args[0].rows);
    const called = call(isInverse ? `arc${name}` : name, ...(base === undefined ? [] : [base]), ...args);
    return power === undefined || isInverse ? called : call("^", called, power);
  }

  #functionArguments(): readonly Node[] {
    const reader = this.#reader;
    if (!reader.is("(", "{", "[")) return [this.#argumentProduct()];
    const inside = this.#bracket(reader);
    return inside.kind === "tuple" ? inside.members : [inside];
  }

  #argumentProduct(): Node {
    const reader = this.#reader;
    const sign = reader.take("-");
    const value = reader.nested(() => this.#product(true));
    return sign === undefined ? value : call("neg", value);
  }
}

const isOne = (node: Node | undefined): boolean => node?.kind === "number" && node.value.equals(1);
