/**
 * Grammars in EBNF as GBNF and xgrammar write it:
 *
 *     root ::= "yes" | number (", " number)*      # literals, rules, groups, alternatives
 *     number ::= [0-9]+ | [^a-z\n]{2,5}           # classes of characters, repetition
 */
import { complement, joined } from "./characters.ts";
import type { CodeRange, Spell } from "./characters.ts";
import type { Expression, Expressions, Rule } from "./expression.ts";
import { GrammarError, unsupported } from "./grammar-error.ts";

const mostCharacters = 128 * 1024;
const deepest = 200;

interface GrammarOptions {
  readonly make: Expressions;
  readonly spell: Spell;
}

/** @throws GrammarError saying where it stops being a grammar */
export function readGrammar(grammar: string, options: GrammarOptions): Expression {
  if (grammar.length > mostCharacters) throw unsupported(`has more than ${mostCharacters} characters`);
  return new GrammarReader(grammar, options).read();
}

const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  f: "\f",
  b: "\b",
  v: "\v",
  "0": "\0",
};
const namePattern = /[A-Za-z_][A-Za-z0-9_.-]*/y;
const definition = /\s*::=/y;

class GrammarReader {
  readonly #text: string;
  readonly #make: Expressions;
  readonly #spell: Spell;
  readonly #rules = new Map<string, Rule>();
  #at = 0;
  #depth = 0;

  constructor(text: string, { make, spell }: GrammarOptions) {
    this.#text = text;
    this.#make = make;
    this.#spell = spell;
  }

  read(): Expression {
    this.#skip();
    while (this.#at < this.#text.length) {
      const name = this.#name();
      if (name === undefined || !this.#take(definition)) throw this.#wrong("a rule, as in `name ::= …`");
      const rule = this.#rule(name);
      if (rule.body !== undefined) throw new GrammarError(`says rule '${name}' twice`);
      rule.body = this.#alternatives();
      this.#skip();
    }
    if (this.#rules.get("root")?.body === undefined)
      throw new GrammarError("has no rule named 'root', where it begins");
    for (const { name, body } of this.#rules.values())
      if (body === undefined) throw new GrammarError(`has no rule '${name}', which it refers to`);
    return this.#make.reference(this.#rule("root"));
  }

  #alternatives(): Expression {
    if (++this.#depth > deepest) throw unsupported(`has more than ${deepest} groups within one another`);
    const options = [this.#sequence()];
    while (this.#takeText("|")) options.push(this.#sequence());
    this.#depth--;
    return this.#make.choice(...options);
  }

  #sequence(): Expression {
    const parts: Expression[] = [];
    for (;;) {
      this.#skip();
      const part = this.#item();
      if (part === undefined) return this.#make.sequence(...parts);
      parts.push(this.#repeated(part));
    }
  }

  #item(): Expression | undefined {
    const next = this.#text[this.#at];
    if (next === '"') return this.#literal();
    if (next === "[") return this.#class();
    if (next === ".") {
      this.#at++;
      return this.#spell(complement([]));
    }
    if (next === "(") {
      this.#at++;
      const group = this.#alternatives();
      if (!this.#takeText(")")) throw this.#wrong("')'");
      return group;
    }
    const start = this.#at;
    const name = this.#name();
    if (name === undefined) return undefined;
    // The next rule begins here.
    if (this.#take(definition)) {
      this.#at = start;
      return undefined;
    }
    return this.#make.reference(this.#rule(name));
  }

  #repeated(part: Expression): Expression {
    const next = this.#text[this.#at];
    const bounds = { "*": [0, Infinity], "+": [1, Infinity], "?": [0, 1] }[next ?? ""];
    if (bounds !== undefined) {
      this.#at++;
      return this.#repeated(this.#make.repeat(part, bounds[0]!, bounds[1]));
    }
    if (next !== "{") return part;
    const [whole, least, comma, most] = this.#takeMatch(/\{\s*(\d+)\s*(?:(,)\s*(\d+)?\s*)?\}/y) ?? [];
    if (whole === undefined) throw this.#wrong("a repetition, as in {2,5}");
    const limit = most === undefined ? (comma === undefined ? Number(least) : Infinity) : Number(most);
    if (limit < Number(least)) throw this.#wrong("a repetition whose bounds ascend");
    return this.#make.repeat(part, Number(least), limit);
  }

  #literal(): Expression {
    this.#at++;
    const characters: Expression[] = [];
    while (this.#text[this.#at] !== '"') {
      const code = this.#character();
      characters.push(this.#spell([[code, code]]));
    }
    this.#at++;
    return this.#make.sequence(...characters);
  }

  #class(): Expression {
    this.#at++;
    const isNegated = this.#text[this.#at] === "^";
    if (isNegated) this.#at++;
    const ranges: CodeRange[] = [];
    while (this.#text[this.#at] !== "]") {
      const from = this.#character();
      const isRange = this.#text[this.#at] === "-" && this.#text[this.#at + 1] !== "]";
      if (isRange) this.#at++;
      const to = isRange ? this.#character() : from;
      if (to < from) throw this.#wrong("a range that ascends");
      ranges.push([from, to]);
    }
    if (ranges.length === 0 && !isNegated) throw this.#wrong("a character in a class");
    this.#at++;
    return this.#spell(isNegated ? complement(ranges) : joined(ranges));
  }

  /** One of a literal or a class, as its code point. */
  #character(): number {
    const code = this.#text.codePointAt(this.#at);
    const character = code === undefined ? "" : String.fromCodePoint(code);
    if (code === undefined || character === "\n")
      throw this.#wrong("the end of a literal or a class on its line");
    this.#at += character.length;
    if (character !== "\\") return code;
    const hex = this.#takeMatch(
      /x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|u\{([0-9a-fA-F]{1,6})\}/y,
    );
    if (hex !== undefined) return this.#codePoint(Number.parseInt(hex.slice(1).join(""), 16));
    const escaped = this.#text.codePointAt(this.#at);
    if (escaped === undefined) throw this.#wrong("what is escaped");
    const name = String.fromCodePoint(escaped);
    this.#at += name.length;
    return (escapes[name] ?? name).codePointAt(0)!;
  }

  /** Of an escape; of two, where it is the first half of a surrogate pair. */
  #codePoint(value: number): number {
    const isHigh = value >= 0xd800 && value < 0xdc00;
    const low = isHigh ? this.#takeMatch(/\\u(d[c-f][0-9a-f]{2})/iy)?.[1] : undefined;
    if (low !== undefined) return 0x10000 + ((value - 0xd800) << 10) + (Number.parseInt(low, 16) - 0xdc00);
    if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) throw this.#wrong("a code point");
    return value;
  }

  #name(): string | undefined {
    return this.#takeMatch(namePattern)?.[0];
  }

  #rule(name: string): Rule {
    let rule = this.#rules.get(name);
    if (rule === undefined) this.#rules.set(name, (rule = { name, body: undefined }));
    return rule;
  }

  /** White space and comments. */
  #skip(): void {
    this.#take(/(?:\s|#[^\n]*)*/y);
  }

  #takeText(text: string): boolean {
    this.#skip();
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #take(pattern: RegExp): boolean {
    return this.#takeMatch(pattern) !== undefined;
  }

  #takeMatch(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match;
  }

  #wrong(expected: string): GrammarError {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    const found = this.#text.slice(this.#at, this.#at + 20).split("\n")[0]!;
    return new GrammarError(`is no EBNF in line ${line}, at '${found}': expected ${expected}`);
  }
}
