import type { Expression, Expressions } from "./expression.ts";

/** Code points from one to another. */
export type CodeRange = readonly [from: number, to: number];
/** Ascending, and apart from each other. Surrogates stand for nothing. */
export type CodeRanges = readonly CodeRange[];

const lastCodePoint = 0x10ffff;
export const allCharacters: CodeRanges = [[0, lastCodePoint]];

/** How one character of some is spelled, as an expression. */
export type Spell = (ranges: CodeRanges) => Expression;

/** The same, each set of characters spelled once: most are asked for over and over. */
export function spellOnce(spell: Spell): Spell {
  const known = new Map<string, Expression>();
  return (ranges) => {
    const key = ranges.join(";");
    let spelled = known.get(key);
    if (spelled === undefined) known.set(key, (spelled = spell(ranges)));
    return spelled;
  };
}

export const rangesOf = (text: string): CodeRanges =>
  joined(Array.from(text, (character) => [character.codePointAt(0)!, character.codePointAt(0)!] as const));

/** In any order and overlapping, put in order. */
export function joined(ranges: CodeRanges): CodeRanges {
  const result: [number, number][] = [];
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = result.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else result.push([from, to]);
  }
  return result;
}

/** All characters but these. */
export function complement(ranges: CodeRanges): CodeRanges {
  const rest: CodeRange[] = [];
  let from = 0;
  for (const [first, last] of joined(ranges)) {
    if (first > from) rest.push([from, first - 1]);
    from = last + 1;
  }
  return from <= lastCodePoint ? [...rest, [from, lastCodePoint]] : rest;
}

export const intersection = (a: CodeRanges, b: CodeRanges): CodeRanges =>
  complement([...complement(a), ...complement(b)]);

/** The code points that UTF-8 spells in one to four bytes, without surrogates. */
const lengths: readonly (readonly [length: number, ...range: CodeRange])[] = [
  [1, 0, 0x7f],
  [2, 0x80, 0x7ff],
  [3, 0x800, 0xd7ff],
  [3, 0xe000, 0xffff],
  [4, 0x10000, lastCodePoint],
];

/** One character of the ranges in UTF-8. */
export function utf8(make: Expressions, ranges: CodeRanges): Expression {
  const options = lengths.flatMap(([length, first, last]) =>
    intersection(ranges, [[first, last]]).map(([from, to]) =>
      sameLength(make, encode(from, length), encode(to, length)),
    ),
  );
  return make.choice(...options);
}

function encode(code: number, length: number): readonly number[] {
  if (length === 1) return [code];
  const lead = (0xff00 >> length) & 0xff;
  const bytes = [lead | (code >> (6 * (length - 1)))];
  for (let at = length - 2; at >= 0; at--) bytes.push(0x80 | ((code >> (6 * at)) & 0x3f));
  return bytes;
}

/** Sequences of as many bytes between two, in order; all of them but the first are 0x80 to 0xbf. */
function sameLength(make: Expressions, from: readonly number[], to: readonly number[]): Expression {
  const [low, ...lower] = from as readonly [number, ...number[]];
  const [high, ...higher] = to as readonly [number, ...number[]];
  if (lower.length === 0) return make.range(low, high);
  if (low === high) return make.sequence(make.range(low, low), sameLength(make, lower, higher));
  const least = lower.map(() => 0x80);
  const most = lower.map(() => 0xbf);
  const below = lower.every((byte) => byte === 0x80) ? low : low + 1;
  const above = higher.every((byte) => byte === 0xbf) ? high : high - 1;
  return make.choice(
    below > low ? make.sequence(make.range(low, low), sameLength(make, lower, most)) : make.nothing,
    below <= above ? make.sequence(make.range(below, above), sameLength(make, least, most)) : make.nothing,
    above < high ? make.sequence(make.range(high, high), sameLength(make, least, higher)) : make.nothing,
  );
}

/** Texts of a list, told apart character by character. */
export function literals(make: Expressions, texts: readonly string[], spell: Spell): Expression {
  const characters = [...new Set(texts)].map((text) => Array.from(text));
  const spelled = (character: string): Expression => spell(rangesOf(character));
  const from = (rest: readonly (readonly string[])[], at: number): Expression => {
    const groups = new Map<string, (readonly string[])[]>();
    let ends = false;
    for (const text of rest) {
      const next = text[at];
      if (next === undefined) ends = true;
      else {
        const group = groups.get(next);
        if (group === undefined) groups.set(next, [text]);
        else group.push(text);
      }
    }
    const options = Array.from(groups, ([next, group]) => {
      if (group.length > 1) return make.sequence(spelled(next), from(group, at + 1));
      return make.sequence(...group[0]!.slice(at).map(spelled));
    });
    return make.choice(...options, ends ? make.empty : make.nothing);
  };
  return from(characters, 0);
}
