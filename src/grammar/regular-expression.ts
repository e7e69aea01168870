import { RegExpParser } from "@eslint-community/regexpp";
import type { AST } from "@eslint-community/regexpp";
import { allCharacters, complement, joined, rangesOf } from "./characters.ts";
import type { CodeRanges, Spell } from "./characters.ts";
import type { Expression, Expressions } from "./expression.ts";
import { GrammarError, tooLarge, unsupported } from "./grammar-error.ts";
import { toUnicodeSyntax } from "./pattern-syntax.ts";

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
  const source = toUnicodeSyntax(pattern);
  try {
    return new RegExpParser({ ecmaVersion: 2024 }).parsePattern(source, 0, source.length, { unicode: true });
  } catch (error) {
    // The parser repeats all of the pattern before it says what is wrong.
    const reason = error instanceof Error ? error.message.split("/u: ").at(-1)! : String(error);
    throw new GrammarError(`has a pattern that is no regular expression: ${reason}`);
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

/** Whether what is read begins the pattern, and whether it ends it. */
interface Edges {
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

const inside: Edges = { isFirst: false, isLast: false };

class RegularReader {
  readonly #make: Expressions;
  readonly #spell: Spell;
  /** What may stand before and behind what has no anchor there. */
  readonly #around: Expression;

  constructor({ make, spell, isSearch }: RegularOptions) {
    this.#make = make;
    this.#spell = spell;
    this.#around = isSearch ? make.repeat(spell(allCharacters), 0) : make.empty;
  }

  read({ alternatives }: AST.Pattern): Expression {
    return this.#alternatives(alternatives, { isFirst: true, isLast: true });
  }

  #alternatives(alternatives: readonly AST.Alternative[], edges: Edges): Expression {
    return this.#make.choice(...alternatives.map(({ elements }) => this.#alternative(elements, edges)));
  }

  /** Anchors stand at the ends of the pattern: of an alternative, or of a group there. Elsewhere they are refused. */
  #alternative(elements: readonly AST.Element[], { isFirst, isLast }: Edges): Expression {
    const isAnchored = isFirst && isAnchor(elements.at(0), "start");
    const isEnded = isLast && isAnchor(elements.at(-1), "end");
    const inner = elements.slice(isAnchored ? 1 : 0, isEnded ? -1 : undefined);
    /** Whether a group sees to what stands before or behind it by itself. */
    const opens = isFirst && !isAnchored && isAnchoredGroup(inner.at(0));
    const closes = isLast && !isEnded && isAnchoredGroup(inner.at(-1));
    const parts = inner.map((element, index) => {
      const edges = { isFirst: opens && index === 0, isLast: closes && index === inner.length - 1 };
      const group = edges.isFirst || edges.isLast ? groupOf(element) : undefined;
      return group === undefined ? this.#element(element) : this.#alternatives(group, edges);
    });
    return this.#make.sequence(
      isFirst && !isAnchored && !opens ? this.#around : this.#make.empty,
      ...parts,
      isLast && !isEnded && !closes ? this.#around : this.#make.empty,
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
        return this.#alternatives(element.alternatives, inside);
      case "CapturingGroup":
        return this.#alternatives(element.alternatives, inside);
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
  start: "the beginning of a text stands at the beginning of a pattern alone",
  end: "the end of a text stands at the end of a pattern alone",
  word: "word boundaries are not offered",
  lookahead: "lookarounds are not offered",
  lookbehind: "lookarounds are not offered",
};

const isAnchor = (element: AST.Element | undefined, kind: "start" | "end"): boolean =>
  element?.type === "Assertion" && element.kind === kind;

const groupOf = (element: AST.Element | undefined): readonly AST.Alternative[] | undefined =>
  element?.type === "CapturingGroup" || (element?.type === "Group" && element.modifiers === null)
    ? element.alternatives
    : undefined;

/** Whether an anchor stands in a group, or in a group in it. */
const isAnchoredGroup = (element: AST.Element | undefined): boolean =>
  groupOf(element)?.some(({ elements }) =>
    elements.some((part) => isAnchor(part, "start") || isAnchor(part, "end") || isAnchoredGroup(part)),
  ) ?? false;

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
