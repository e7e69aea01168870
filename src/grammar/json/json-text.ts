import { isArray, isObject } from "../../core/json-value.ts";
import type { Json } from "../../core/json-value.ts";
import { allCharacters, complement, intersection, literals, rangesOf, spellOnce } from "../characters.ts";
import type { CodeRanges, Spell } from "../characters.ts";
import type { Expression, Expressions } from "../expression.ts";

/** Deepest indentation, characters: models of few parameters fall into white space and do not come out. */
const mostIndentation = 20;

/** Digits of a number's whole part, and of its fraction, at most: readers take no more than some thousands. */
export const mostDigits = 20;

const controls: CodeRanges = [[0, 0x1f]];
const escaped: CodeRanges = [...controls, ...rangesOf('"\\')];
const shortEscapes = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

/** The parts that JSON texts are made of, over an alphabet. */
export class JsonText {
  readonly make: Expressions;
  readonly #spell: Spell;
  /** Between two parts. */
  readonly space: Expression;
  /** A character of a string, however it may be escaped. */
  readonly character: Expression;
  readonly string: Expression;
  readonly integer: Expression;
  readonly number: Expression;

  /** @param spell a character of the text that a JSON text is written in */
  constructor(make: Expressions, spell: Spell) {
    this.make = make;
    this.#spell = spell;
    const lines = make.repeat(spell(rangesOf("\n")), 1, 2);
    const indentation = make.repeat(spell(rangesOf(" \t")), 0, mostIndentation);
    this.space = make.choice(make.empty, spell(rangesOf(" ")), make.sequence(lines, indentation));
    this.character = this.#anyCharacter();
    this.string = this.quoted(make.repeat(this.character, 0));
    const digit = this.digit(0, 9);
    const digits = make.repeat(digit, 1, mostDigits);
    const whole = make.choice(
      this.digit(0, 0),
      make.sequence(this.digit(1, 9), make.repeat(digit, 0, mostDigits - 1)),
    );
    this.integer = make.sequence(make.optional(this.text("-")), whole);
    const exponent = make.sequence(
      spell(rangesOf("eE")),
      make.optional(spell(rangesOf("+-"))),
      make.repeat(digit, 1, 2),
    );
    this.number = make.sequence(
      this.integer,
      make.optional(make.sequence(this.text("."), digits)),
      make.optional(exponent),
    );
  }

  /** This very text. */
  text(text: string): Expression {
    return this.make.sequence(...Array.from(text, (character) => this.#spell(rangesOf(character))));
  }

  digit(from: number, to: number): Expression {
    return this.#spell([[0x30 + from, 0x30 + to]]);
  }

  quoted(body: Expression): Expression {
    return this.make.sequence(this.text('"'), body, this.text('"'));
  }

  /** One of some strings, quotes included. */
  strings(values: readonly string[]): Expression {
    return this.quoted(literals(this.make, values, this.spelled));
  }

  /** How a character of a string is spelled where it is spelled one way: escaped where it has to be. */
  readonly spelled: Spell = spellOnce((ranges) => {
    const own = intersection(ranges, escaped);
    const options = own.flatMap(([from, to]) =>
      Array.from({ length: to - from + 1 }, (_, index) => {
        const character = String.fromCodePoint(from + index);
        const code = (from + index).toString(16).padStart(4, "0");
        return this.text(shortEscapes.get(character) ?? `\\u${code}`);
      }),
    );
    return this.make.choice(this.#spell(intersection(ranges, complement(escaped))), ...options);
  });

  /** A value as it stands, with white space where it may be. */
  literal(value: Json): Expression {
    if (typeof value === "string") return this.strings([value]);
    if (isArray(value))
      return this.list(
        "[",
        value.map((item) => this.literal(item)),
        "]",
      );
    if (!isObject(value)) return this.text(JSON.stringify(value));
    const members = Object.entries(value).map(([name, member]) =>
      this.member(this.strings([name]), this.literal(member)),
    );
    return this.list("{", members, "}");
  }

  member(name: Expression, value: Expression): Expression {
    return this.make.sequence(name, this.space, this.text(":"), this.space, value);
  }

  list(opening: string, parts: readonly Expression[], closing: string): Expression {
    const between = this.comma;
    const inner = parts.flatMap((part, index) => (index === 0 ? [part] : [between, part]));
    const body = parts.length === 0 ? [] : [...inner, this.space];
    return this.make.sequence(this.text(opening), this.space, ...body, this.text(closing));
  }

  get comma(): Expression {
    return this.make.sequence(this.space, this.text(","), this.space);
  }

  #anyCharacter(): Expression {
    const { make } = this;
    const hex = this.#spell(rangesOf("0123456789abcdefABCDEF"));
    const d = this.#spell(rangesOf("dD"));
    const escape = (...digits: readonly Expression[]): Expression =>
      make.sequence(this.text("\\u"), ...digits);
    // Halves of a surrogate pair stand together: alone they are no character.
    const low = escape(d, this.#spell(rangesOf("cdefCDEF")), hex, hex);
    const high = escape(d, this.#spell(rangesOf("89abAB")), hex, hex);
    return make.choice(
      this.#spell(intersection(allCharacters, complement(escaped))),
      make.sequence(this.text("\\"), this.#spell(rangesOf('"\\/bfnrt'))),
      escape(this.#spell(rangesOf("0123456789abcefABCEF")), hex, hex, hex),
      escape(d, this.#spell(rangesOf("01234567")), hex, hex),
      make.sequence(high, low),
    );
  }
}
