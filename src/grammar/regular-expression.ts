import { RegExpParser } from "@eslint-community/regexpp";
import type { AST } from "@eslint-community/regexpp";
import { allCharacters, complement, joined, rangesOf } from "./characters.ts";
import type { CodeRanges, Spell } from "./characters.ts";
import type { Expression, Expressions } from "./expression.ts";
import { GrammarError, tooLarge, unsupported } from "./grammar-error.ts";

export interface RegularOptions {
  readonly make: Expressions;
  /** How a character of the text is spelled. */
  readonly spell: Spell;
  /** Whether the pattern may match a part of the text, as JSON Schema's do; all of it otherwise. */
  readonly isSearch: boolean;
}

/** Characters of a pattern at most. */
const mostCharacters = 16_384;
/** Groups within one another at most. */
const deepest = 200;

/**
 * The texts that a regular expression matches, in ECMAScript's syntax, which is Python's and Rust's but for what is
 * refused here.
 * @throws GrammarError for what is none, and by name for what is no regular set: backreferences, lookarounds
 */
export function regularExpression(pattern: string, options: RegularOptions): Expression {
  if (pattern.length > mostCharacters)
    throw unsupported(`has a pattern of more than ${mostCharacters} characters`);
  return new RegularReader(options).read(parse(pattern));
}

function parse(pattern: string): AST.Pattern {
  checkDepth(pattern);
  const parser = new RegExpParser({ ecmaVersion: 2024 });
  // Python and Rust begin named groups with ?P, and end a text with \Z or \z.
  const source = pattern
    .replaceAll("(?P<", "(?<")
    .replace(/^\\A/, "^")
    .replace(/\\[zZ]$/, "$");
  try {
    return parser.parsePattern(source, 0, source.length, { unicode: true });
  } catch (strict) {
    // Escapes that need none are mistakes in Unicode mode alone, which characters beyond 16 bits need.
    try {
      if (/[\u{10000}-\u{10ffff}]/u.test(source)) throw strict;
      return parser.parsePattern(source, 0, source.length, { unicode: false });
    } catch {
      const reason = strict instanceof Error ? strict.message : String(strict);
      throw new GrammarError(`has a pattern that is no regular expression: ${reason}`);
    }
  }
}

function checkDepth(pattern: string): void {
  let depth = 0;
  for (const character of pattern) {
    if (character === "(") depth++;
    if (character === ")") depth--;
    if (depth > deepest)
      throw unsupported(`has a pattern with more than ${deepest} groups within one another`);
  }
}

/** Whether text may stand before and behind what is read. */
interface Edges {
  readonly isOpenBefore: boolean;
  readonly isOpenBehind: boolean;
}

class RegularReader {
  readonly #make: Expressions;
  readonly #spell: Spell;
  readonly #edges: Edges;
  readonly #anything: Expression;

  constructor({ make, spell, isSearch }: RegularOptions) {
    this.#make = make;
    this.#spell = spell;
    this.#edges = { isOpenBefore: isSearch, isOpenBehind: isSearch };
    this.#anything = make.repeat(spell(allCharacters), 0);
  }

  read({ alternatives }: AST.Pattern): Expression {
    return this.#alternatives(alternatives, this.#edges);
  }

  #alternatives(alternatives: readonly AST.Alternative[], edges: Edges): Expression {
    return this.#make.choice(...alternatives.map(({ elements }) => this.#alternative(elements, edges)));
  }

  /** Anchors stand at the ends of an alternative, or of a group there. */
  #alternative(elements: readonly AST.Element[], { isOpenBefore, isOpenBehind }: Edges): Expression {
    const first = elements[0];
    const last = elements.at(-1);
    const isAnchored = first !== undefined && isAnchor(first, "start");
    const isEnded = last !== undefined && isAnchor(last, "end");
    const inner = elements.slice(isAnchored ? 1 : 0, isEnded ? -1 : undefined);
    const parts = inner.map((element, index) => {
      const opensHere = index === 0 && !isAnchored && holdsAnchor(element);
      const closesHere = index === inner.length - 1 && !isEnded && holdsAnchor(element);
      if (!opensHere && !closesHere) return { part: this.#element(element), opensHere, closesHere };
      const edges = { isOpenBefore: opensHere && isOpenBefore, isOpenBehind: closesHere && isOpenBehind };
      return { part: this.#alternatives(groupOf(element)!, edges), opensHere, closesHere };
    });
    const before = isOpenBefore && !isAnchored && parts[0]?.opensHere !== true;
    const behind = isOpenBehind && !isEnded && parts.at(-1)?.closesHere !== true;
    return this.#make.sequence(
      before ? this.#anything : this.#make.empty,
      ...parts.map(({ part }) => part),
      behind ? this.#anything : this.#make.empty,
    );
  }

  #element(element: AST.Element): Expression {
    switch (element.type) {
      case "Character":
        return this.#spell([[element.value, element.value]]);
      case "CharacterSet":
        return this.#spell(setOf(element));
      case "CharacterClass":
        return this.#spell(classOf(element));
      case "Group":
        if (element.modifiers !== null) throw unsupported("has a pattern with flags in it, as in (?i:…)");
        return this.#alternatives(element.alternatives, { isOpenBefore: false, isOpenBehind: false });
      case "CapturingGroup":
        return this.#alternatives(element.alternatives, { isOpenBefore: false, isOpenBehind: false });
      case "Quantifier":
        if (element.max !== Infinity && element.max > 1_000_000) throw tooLarge();
        return this.#make.repeat(this.#element(element.element), element.min, element.max);
      case "Assertion":
        throw unsupported(`has a pattern with ${element.raw}: ${assertionNames[element.kind]}`);
      default:
        throw unsupported(`has a pattern with ${element.raw}, which is no regular set`);
    }
  }
}

const assertionNames: Record<AST.Assertion["kind"], string> = {
  start: "^ stands at the beginning alone",
  end: "$ stands at the end alone",
  word: "word boundaries are not offered",
  lookahead: "lookarounds are not offered",
  lookbehind: "lookarounds are not offered",
};

const isAnchor = (element: AST.Element, kind: "start" | "end"): boolean =>
  element.type === "Assertion" && element.kind === kind;

const groupOf = (element: AST.Element): readonly AST.Alternative[] | undefined =>
  element.type === "CapturingGroup" || (element.type === "Group" && element.modifiers === null)
    ? element.alternatives
    : undefined;

function holdsAnchor(element: AST.Element): boolean {
  if (isAnchor(element, "start") || isAnchor(element, "end")) return true;
  return groupOf(element)?.some(({ elements }) => elements.some(holdsAnchor)) ?? false;
}

const lineEnds = rangesOf("\n\r\u2028\u2029");
const spaces = joined([
  ...rangesOf("\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"),
  [0x2000, 0x200a],
]);
const words: CodeRanges = joined([...rangesOf("_"), [0x30, 0x39], [0x41, 0x5a], [0x61, 0x7a]]);
const kinds: Readonly<Record<"digit" | "space" | "word", CodeRanges>> = {
  digit: [[0x30, 0x39]],
  space: spaces,
  word: words,
};

function setOf(set: AST.CharacterSet): CodeRanges {
  if (set.kind === "any") return complement(lineEnds);
  const ranges = set.kind === "property" ? propertyOf(set) : kinds[set.kind];
  return set.negate ? complement(ranges) : ranges;
}

function classOf({ elements, negate }: AST.CharacterClass): CodeRanges {
  const ranges = joined(
    elements.flatMap((element): CodeRanges => {
      if (element.type === "Character") return [[element.value, element.value]];
      if (element.type === "CharacterClassRange") return [[element.min.value, element.max.value]];
      if (element.type === "CharacterSet") return setOf(element);
      throw unsupported(`has a pattern with ${element.raw}, of the flag v`);
    }),
  );
  return negate ? complement(ranges) : ranges;
}

/** As the runtime's own Unicode data have it. */
function propertyOf({ key, value }: AST.UnicodePropertyCharacterSet): CodeRanges {
  const name = value === null ? key : `${key}=${value}`;
  let known = properties.get(name);
  if (known === undefined) {
    everything ??= allText();
    const runs = everything.matchAll(new RegExp(`\\p{${name}}+`, "gu"));
    known = joined(
      Array.from(runs, ({ 0: run, index }) => [codeAt(index), codeAt(index + run.length - 1)] as const),
    );
    properties.set(name, known);
  }
  return known;
}

const properties = new Map<string, CodeRanges>();

/** Every character there is, in order. */
let everything: string | undefined;

const surrogates = { first: 0xd800, count: 0x800 };

function allText(): string {
  const characters: string[] = [];
  for (let code = 0; code <= 0x10ffff; code++)
    if (code < surrogates.first || code >= surrogates.first + surrogates.count)
      characters.push(String.fromCodePoint(code));
  return characters.join("");
}

/** The character that stands at a UTF-16 offset of all text. */
function codeAt(offset: number): number {
  const behind = 0x10000 - surrogates.count;
  if (offset >= behind) return 0x10000 + Math.floor((offset - behind) / 2);
  return offset < surrogates.first ? offset : offset + surrogates.count;
}
