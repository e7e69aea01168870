import { bind, integer } from "./bind.ts";
import { codePoints, whitespace } from "./code-points.ts";
import { TemplateError, typeError, valueError } from "./errors.ts";
import { alone, argumentError, takes } from "./filter.ts";
import type { Filter } from "./filter.ts";
import { printf } from "./format.ts";
import { escaped, escapedText } from "./html.ts";
import { json } from "./json.ts";
import { readFloat } from "./number-filters.ts";
import { defined, iterate, truth } from "./operators.ts";
import { repr, str } from "./repr.ts";
import { capitalize, replaced, splitLines, stringMethods, stripped } from "./string-methods.ts";
import { Dict, Markup, Tuple, Undefined, textOf, typeName } from "./values.ts";
import type { Arguments, Value } from "./values.ts";

/** Filters that make text. */
export const textFilters: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ["string", alone((value) => (value instanceof Markup ? value : str(value)))],
  ["upper", alone((value) => str(value).toUpperCase())],
  ["lower", alone((value) => str(value).toLowerCase())],
  ["capitalize", alone((value) => capitalize(str(value)))],
  ["title", alone((value) => titled(str(value)))],
  ["trim", takes([["chars", null]], (value, chars) => stripped(str(value), chars, "both"))],
  [
    "center",
    takes([["width", 80n]], (value, width) =>
      stringMethods.get("center")!(str(value), { positional: [width], named: new Map() }),
    ),
  ],
  [
    "replace",
    takes(["old", "new", ["count", null]], (value, old, by, count) =>
      replaced(str(value), str(old), str(by), count === null ? -1 : integer(count)),
    ),
  ],
  [
    "indent",
    takes(
      [
        ["width", 4n],
        ["first", false],
        ["blank", false],
      ],
      indented,
    ),
  ],
  ["truncate", truncate],
  ["wordcount", alone((value) => BigInt(str(value).match(/[\p{L}\p{N}\p{M}_]+/gu)?.length ?? 0))],
  ["format", formatFilter],
  ["tojson", toJson],
  ["e", alone((value) => new Markup(escaped(value)))],
  ["escape", alone((value) => new Markup(escaped(value)))],
  ["forceescape", alone((value) => new Markup(escapedText(str(value))))],
  ["safe", alone((value) => new Markup(str(value)))],
  ["striptags", alone((value) => withoutTags(str(value)))],
  ["urlencode", alone(urlEncoded)],
  ["xmlattr", takes([["autospace", true]], xmlAttributes)],
  ["filesizeformat", takes([["binary", false]], fileSize)],
]);

/** Capitals after white space, hyphens and opening brackets: not as str.title has it. */
function titled(text: string): string {
  return text
    .split(new RegExp(`([-${whitespace}({\\[<]+)`))
    .map(capitalize)
    .join("");
}

function indented(value: Value, width: Value, first: Value, blank: Value): string {
  const text = textOf(value);
  if (text === undefined) {
    throw value instanceof Undefined
      ? new TemplateError(value.kind, value.message)
      : typeError("indent takes text");
  }
  const indention = textOf(width) ?? " ".repeat(Math.max(0, integer(width)));
  const [head = "", ...lines] = splitLines(`${text}\n`, false);
  const rest = lines.map((line) => (line === "" && !truth(blank) ? line : indention + line));
  return (truth(first) ? indention : "") + [head, ...rest].join("\n");
}

function truncate(value: Value, given: Arguments): string {
  const [length, killWords, endText, leeway] = bind(
    "truncate",
    [
      ["length", 255n],
      ["killwords", false],
      ["end", "..."],
      ["leeway", null],
    ],
    given,
  );
  const text = str(value);
  const end = str(endText);
  const characters = codePoints(text);
  const room = integer(length) - codePoints(end).length;
  if (room < 0) throw new TemplateError("AssertionError", "truncate: length is shorter than its end");
  if (characters.length <= integer(length) + (leeway === null ? 5 : integer(leeway))) return text;
  const kept = Array.from(characters.slice(0, room)).join("");
  const space = kept.lastIndexOf(" ");
  return (truth(killWords) || space === -1 ? kept : kept.slice(0, space)) + end;
}

function formatFilter(value: Value, { positional, named }: Arguments): string {
  if (positional.length > 0 && named.size > 0) {
    throw argumentError("can't handle positional and keyword arguments at the same time");
  }
  return printf(str(value), named.size > 0 ? Dict.of(named) : new Tuple(positional));
}

/** As transformers overrides it: json.dumps, nothing escaped for HTML. */
function toJson(value: Value, given: Arguments): string {
  const [ensureAscii, indent, separators, sortKeys] = bind(
    "tojson",
    [
      ["ensure_ascii", false],
      ["indent", null],
      ["separators", null],
      ["sort_keys", false],
    ],
    given,
  );
  const [item, key] = separators === null ? [] : Array.from(iterate(separators), str);
  return json(value, {
    ensureAscii: truth(ensureAscii),
    indent: indent === null ? undefined : (textOf(indent) ?? " ".repeat(Math.max(0, integer(indent)))),
    itemSeparator: item ?? (indent === null ? ", " : ","),
    keySeparator: key ?? ": ",
    sortKeys: truth(sortKeys),
  });
}

function withoutTags(text: string): string {
  const bare = text.replace(/<!--.*?-->|<.*?>/gs, "");
  return bare
    .split(new RegExp(`[${whitespace}]+`))
    .filter((word) => word !== "")
    .join(" ")
    .replace(/&(amp|lt|gt|#39|#34|quot);/g, (whole, name: string) => unescapes.get(name) ?? whole);
}

const unescapes: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["#39", "'"],
  ["#34", '"'],
  ["quot", '"'],
]);

const quoted = (value: Value): string =>
  encodeURIComponent(str(value)).replace(
    /[!'()*]/g,
    (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase()}`,
  );

function urlEncoded(value: Value): string {
  if (textOf(value) !== undefined || typeof value !== "object" || value === null) {
    return quoted(value).replaceAll("%2F", "/");
  }
  const pairs =
    value instanceof Dict ? value.entries() : Array.from(iterate(value), (pair) => Array.from(iterate(pair)));
  const part = (of: Value | undefined): string => quoted(of ?? null).replaceAll("%20", "+");
  return pairs.map(([key, member]) => `${part(key)}=${part(member)}`).join("&");
}

function xmlAttributes(value: Value, autospace: Value): string {
  if (!(value instanceof Dict)) throw typeError("xmlattr takes a mapping");
  const parts = value
    .entries()
    .filter(([, member]) => member !== null && !(member instanceof Undefined))
    .map(([key, member]) => {
      if (/[\s/>=]/.test(str(key)))
        throw new TemplateError("ValueError", `Invalid character in attribute name: ${str(key)}`);
      return `${escaped(key)}="${escaped(member)}"`;
    });
  return (truth(autospace) && parts.length > 0 ? " " : "") + parts.join(" ");
}

function fileSize(value: Value, binary: Value): string {
  const bytes = readFloat(defined(value));
  if (bytes === undefined) {
    throw textOf(value) === undefined
      ? typeError(`float() argument must be a string or a real number, not '${typeName(value)}'`)
      : valueError(`could not convert string to float: ${repr(value)}`);
  }
  const base = truth(binary) ? 1024 : 1000;
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`;
  const prefixes = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
  const power = prefixes.findIndex((_, index) => bytes < base ** (index + 2));
  const index = power === -1 ? prefixes.length - 1 : power;
  const unit = truth(binary) ? `${prefixes[index]!.toUpperCase()}iB` : `${prefixes[index]!}B`;
  return `${((base * bytes) / base ** (index + 2)).toFixed(1)} ${unit}`;
}
