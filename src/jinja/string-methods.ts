import { bind, integer, text } from "./bind.ts";
import type { Parameter } from "./bind.ts";
import { codePoints, lineEnd, whitespace } from "./code-points.ts";
import { typeError, valueError } from "./errors.ts";
import { iterate } from "./operators.ts";
import { clamp, slice } from "./slice.ts";
import { Tuple, textOf, typeName } from "./values.ts";
import type { Arguments, Value } from "./values.ts";

type Method = (self: string, given: Arguments) => Value;

/** A method with these parameters. */
const takes =
  <const P extends readonly Parameter[]>(
    parameters: P,
    run: (self: string, ...values: { [K in keyof P]: Value }) => Value,
  ): Method =>
  (self, given) =>
    run(self, ...bind("str method", parameters, given));

const none = (run: (self: string) => Value): Method => takes([], run);
const within: readonly [readonly ["start", null], readonly ["end", null]] = [
  ["start", null],
  ["end", null],
];

/** Methods of str, all but format. */
export const stringMethods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ["capitalize", none(capitalize)],
  ["casefold", none((self) => self.toLowerCase().replaceAll("ß", "ss"))],
  ["center", takes(["width", ["fill", " "]], (self, width, fill) => justified(self, width, fill, "center"))],
  ["ljust", takes(["width", ["fill", " "]], (self, width, fill) => justified(self, width, fill, "left"))],
  ["rjust", takes(["width", ["fill", " "]], (self, width, fill) => justified(self, width, fill, "right"))],
  ["zfill", takes(["width"], zeroFilled)],
  [
    "count",
    takes(["sub", ...within], (self, sub, start, end) => occurrences(cutOut(self, start, end), text(sub))),
  ],
  ["find", takes(["sub", ...within], (self, sub, ...range) => found(self, text(sub), range))],
  ["rfind", takes(["sub", ...within], (self, sub, ...range) => found(self, text(sub), range, "last"))],
  ["index", takes(["sub", ...within], (self, sub, ...range) => mustBe(found(self, text(sub), range)))],
  [
    "rindex",
    takes(["sub", ...within], (self, sub, ...range) => mustBe(found(self, text(sub), range, "last"))),
  ],
  [
    "startswith",
    takes(["prefix", ...within], (self, prefix, start, end) =>
      some(prefix, (part) => cutOut(self, start, end).startsWith(part), "startswith"),
    ),
  ],
  [
    "endswith",
    takes(["suffix", ...within], (self, suffix, start, end) =>
      some(suffix, (part) => cutOut(self, start, end).endsWith(part), "endswith"),
    ),
  ],
  ["expandtabs", takes([["tabsize", 8n]], expanded)],
  ["join", takes(["iterable"], joinedBy)],
  ["lower", none((self) => self.toLowerCase())],
  ["upper", none((self) => self.toUpperCase())],
  [
    "swapcase",
    none((self) => mapped(self, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()))),
  ],
  ["title", none((self) => self.replace(/[\p{L}\p{Lt}ªº]+/gu, capitalize))],
  ["partition", takes(["sep"], (self, sep) => parted(self, sep, self.indexOf(separator(sep)), false))],
  ["rpartition", takes(["sep"], (self, sep) => parted(self, sep, self.lastIndexOf(separator(sep)), true))],
  [
    "removeprefix",
    takes(["prefix"], (self, prefix) =>
      self.startsWith(text(prefix)) ? self.slice(text(prefix).length) : self,
    ),
  ],
  [
    "removesuffix",
    takes(["suffix"], (self, suffix) =>
      text(suffix) !== "" && self.endsWith(text(suffix)) ? self.slice(0, -text(suffix).length) : self,
    ),
  ],
  [
    "replace",
    takes(["old", "new", ["count", -1n]], (self, old, by, count) =>
      replaced(self, text(old), text(by), integer(count)),
    ),
  ],
  [
    "split",
    takes(
      [
        ["sep", null],
        ["maxsplit", -1n],
      ],
      (self, sep, most) => split(self, sep, integer(most)),
    ),
  ],
  [
    "rsplit",
    takes(
      [
        ["sep", null],
        ["maxsplit", -1n],
      ],
      (self, sep, most) => splitFromRight(self, sep, integer(most)),
    ),
  ],
  [
    "splitlines",
    takes([["keepends", false]], (self, keep) => splitLines(self, keep !== false && keep !== 0n)),
  ],
  ["strip", takes([["chars", null]], (self, chars) => stripped(self, chars, "both"))],
  ["lstrip", takes([["chars", null]], (self, chars) => stripped(self, chars, "left"))],
  ["rstrip", takes([["chars", null]], (self, chars) => stripped(self, chars, "right"))],
  ["isalnum", none((self) => /^[\p{L}\p{N}]+$/u.test(self))],
  ["isalpha", none((self) => /^\p{L}+$/u.test(self))],
  ["isascii", none((self) => !/[^\0-\x7f]/.test(self))],
  ["isdecimal", none((self) => /^\p{Nd}+$/u.test(self))],
  ["isdigit", none((self) => /^[\p{Nd}²³¹⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐]+$/u.test(self))],
  ["isnumeric", none((self) => /^[\p{N}〇一二三四五六七八九十百千万億]+$/u.test(self))],
  ["isidentifier", none((self) => /^[\p{XID_Start}_]\p{XID_Continue}*$/u.test(self))],
  ["islower", none((self) => /\p{Lowercase}/u.test(self) && !/[\p{Uppercase}\p{Lt}]/u.test(self))],
  ["isupper", none((self) => /\p{Uppercase}/u.test(self) && !/[\p{Lowercase}\p{Lt}]/u.test(self))],
  ["isprintable", none((self) => !/[\p{C}\p{Z}]/u.test(self.replaceAll(" ", "")))],
  ["isspace", none((self) => new RegExp(`^[${whitespace}]+$`).test(self))],
  ["istitle", none((self) => /\p{L}/u.test(self) && self.replace(/\p{L}+/gu, capitalize) === self)],
]);

/** The first character as in a title, the others small. */
export function capitalize(self: string): string {
  const first = String.fromCodePoint(...(self === "" ? [] : [self.codePointAt(0)!]));
  const [head = "", ...tail] = Array.from(first.toUpperCase());
  return head + tail.join("").toLowerCase() + self.slice(first.length).toLowerCase();
}

const mapped = (self: string, by: (character: string) => string): string => Array.from(self).map(by).join("");

function justified(self: string, width: Value, fill: Value, side: "left" | "right" | "center"): string {
  const missing = Math.max(0, integer(width) - codePoints(self).length);
  const pad = text(fill);
  if (codePoints(pad).length !== 1) throw typeError("The fill character must be exactly one character long");
  if (side === "left") return self + pad.repeat(missing);
  if (side === "right") return pad.repeat(missing) + self;
  // CPython puts the odd one to the left only when the width is odd, too.
  const before = Math.floor(missing / 2) + (missing & integer(width) & 1);
  return pad.repeat(before) + self + pad.repeat(missing - before);
}

function zeroFilled(self: string, width: Value): string {
  const missing = Math.max(0, integer(width) - codePoints(self).length);
  const sign = /^[-+]/.exec(self)?.[0] ?? "";
  return sign + "0".repeat(missing) + self.slice(sign.length);
}

const cutOut = (self: string, start: Value, end: Value): string =>
  start === null && end === null ? self : text(slice(self, start, end, null));

function occurrences(self: string, sub: string): bigint {
  return BigInt(sub === "" ? codePoints(self).length + 1 : self.split(sub).length - 1);
}

/** Where `sub` begins, counted in code points; -1 when it is not there. */
function found(self: string, sub: string, [start, end]: readonly Value[], which?: "last"): bigint {
  const part = cutOut(self, start ?? null, end ?? null);
  const at = which === "last" ? part.lastIndexOf(sub) : part.indexOf(sub);
  const before = clamp(start ?? null, codePoints(self).length, 0);
  if (at === -1 || before > codePoints(self).length) return -1n;
  return BigInt(codePoints(part.slice(0, at)).length + before);
}

function mustBe(position: bigint): bigint {
  if (position < 0n) throw valueError("substring not found");
  return position;
}

function some(affix: Value, holds: (part: string) => boolean, method: string): boolean {
  const parts = affix instanceof Tuple ? affix.items : [affix];
  return parts.some((part) => {
    const given = textOf(part);
    if (given === undefined) {
      throw typeError(`${method} first arg must be str or a tuple of str, not ${typeName(part)}`);
    }
    return holds(given);
  });
}

function expanded(self: string, tabSize: Value): string {
  const size = integer(tabSize);
  let column = 0;
  return mapped(self, (character) => {
    if (character !== "\t") {
      column = character === "\n" || character === "\r" ? 0 : column + 1;
      return character;
    }
    const spaces = size > 0 ? size - (column % size) : 0;
    column += spaces;
    return " ".repeat(spaces);
  });
}

function joinedBy(self: string, values: Value): string {
  return Array.from(iterate(values), (value, index) => {
    const part = textOf(value);
    if (part === undefined) {
      throw typeError(`sequence item ${index}: expected str instance, ${typeName(value)} found`);
    }
    return part;
  }).join(self);
}

function separator(value: Value): string {
  const given = text(value);
  if (given === "") throw valueError("empty separator");
  return given;
}

function parted(self: string, sep: Value, at: number, fromRight: boolean): Tuple {
  if (at === -1) return new Tuple(fromRight ? ["", "", self] : [self, "", ""]);
  return new Tuple([self.slice(0, at), text(sep), self.slice(at + text(sep).length)]);
}

export function replaced(self: string, old: string, by: string, count: number): string {
  if (count < 0) return old === "" ? betweenAll(self, by, Infinity) : self.split(old).join(by);
  if (old === "") return betweenAll(self, by, count);
  const parts = self.split(old);
  return (
    parts.slice(0, count + 1).join(by) +
    parts
      .slice(count + 1)
      .map((part) => old + part)
      .join("")
  );
}

function betweenAll(self: string, by: string, count: number): string {
  return [...Array.from(self), ""].map((character, index) => (index < count ? by : "") + character).join("");
}

const isSpace = new RegExp(`^[${whitespace}]$`);
const spaces = new RegExp(`[${whitespace}]+`, "g");

function split(self: string, sep: Value, most: number): Value[] {
  const limit = most < 0 ? Infinity : most;
  if (sep === null) return wordsOf(self, limit);
  const parts = self.split(separator(sep));
  return parts.length <= limit + 1 ? parts : [...parts.slice(0, limit), parts.slice(limit).join(text(sep))];
}

function wordsOf(self: string, limit: number): string[] {
  const words: string[] = [];
  let rest = stripped(self, null, "left");
  while (rest !== "") {
    spaces.lastIndex = 0;
    const gap = words.length < limit ? spaces.exec(rest) : null;
    // The rest keeps what stands at its end where the limit ends the splitting.
    words.push(gap === null ? rest : rest.slice(0, gap.index));
    rest = gap === null ? "" : rest.slice(gap.index + gap[0].length);
  }
  return words;
}

function splitFromRight(self: string, sep: Value, most: number): Value[] {
  const limit = most < 0 ? Infinity : most;
  if (sep !== null) {
    const parts = self.split(separator(sep));
    const kept = Math.max(1, parts.length - limit);
    return [parts.slice(0, kept).join(text(sep)), ...parts.slice(kept)];
  }
  const mirror = (part: string): string => Array.from(part).reverse().join("");
  return wordsOf(mirror(self), limit).map(mirror).reverse();
}

const lineEnds = new RegExp(`(\\r\\n|[${lineEnd}])`);

export function splitLines(self: string, keepEnds: boolean): string[] {
  const parts = self.split(lineEnds);
  const lines: string[] = [];
  for (let at = 0; at < parts.length; at += 2) {
    lines.push(parts[at]! + (keepEnds ? (parts[at + 1] ?? "") : ""));
  }
  // What ends in a newline ends there: no empty line follows it.
  if (parts.at(-1) === "") lines.pop();
  return lines;
}

/** Takes away what `chars` has, or white space, from the ends. */
export function stripped(self: string, chars: Value, side: "both" | "left" | "right"): string {
  const of = chars === null ? undefined : new Set(Array.from(text(chars)));
  const goes = (character: string): boolean =>
    of === undefined ? isSpace.test(character) : of.has(character);
  const characters = codePoints(self);
  let start = 0;
  let end = characters.length;
  if (side !== "right") while (start < end && goes(characters[start]!)) start += 1;
  if (side !== "left") while (end > start && goes(characters[end - 1]!)) end -= 1;
  const kept = characters.slice(start, end);
  return typeof kept === "string" ? kept : kept.join("");
}
