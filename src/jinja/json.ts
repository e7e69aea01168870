import { typeError } from "./errors.ts";
import { compareText } from "./code-points.ts";
import { floatText, repr } from "./repr.ts";
import { truth } from "./operators.ts";
import { Dict, membersOf, numberOf, textOf, typeName } from "./values.ts";
import type { Value } from "./values.ts";

export interface JsonOptions {
  readonly ensureAscii: boolean;
  /** what a level is indented by; undefined writes one line */
  readonly indent: string | undefined;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  readonly sortKeys: boolean;
}

/** Python's json.dumps. @throws TemplateError for what JSON has no form for */
export function json(value: Value, options: JsonOptions, level = 0): string {
  const text = textOf(value);
  if (text !== undefined) return quoted(text, options);
  if (value === null) return "null";
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return jsonFloat(value);
  const members = membersOf(value);
  if (members !== undefined) {
    return enclosed(
      ["[", "]"],
      members.map((member) => json(member, options, level + 1)),
      { options, level },
    );
  }
  if (!(value instanceof Dict)) throw typeError(`Object of type ${typeName(value)} is not JSON serializable`);
  const entries = value.entries().map(([key, member]) => [keyText(key), member] as const);
  if (options.sortKeys) entries.sort(([a], [b]) => compareText(a, b));
  const written = entries.map(
    ([key, member]) => `${quoted(key, options)}${options.keySeparator}${json(member, options, level + 1)}`,
  );
  return enclosed(["{", "}"], written, { options, level });
}

function enclosed(
  [open, close]: readonly [string, string],
  parts: readonly string[],
  { options, level }: { options: JsonOptions; level: number },
): string {
  const { indent, itemSeparator } = options;
  if (parts.length === 0) return open + close;
  if (indent === undefined) return open + parts.join(itemSeparator) + close;
  const line = `\n${indent.repeat(level + 1)}`;
  return `${open}${line}${parts.join(itemSeparator + line)}\n${indent.repeat(level)}${close}`;
}

function keyText(key: Value): string {
  const text = textOf(key);
  if (text !== undefined) return text;
  if (key === null) return "null";
  if (typeof key === "boolean") return truth(key) ? "true" : "false";
  const number = numberOf(key);
  if (number === undefined) {
    throw typeError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
  }
  return typeof number === "number" ? jsonFloat(number) : repr(number);
}

function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? floatText(value) : value > 0 ? "Infinity" : "-Infinity";
}

const short: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\b", "\\b"],
  ["\f", "\\f"],
]);

function quoted(text: string, { ensureAscii }: JsonOptions): string {
  const escape = (character: string): string => {
    const named = short.get(character);
    if (named !== undefined) return named;
    if (!ensureAscii && character >= " ") return character;
    return character === "\x7f" ? character : character.split("").map(numbered).join("");
  };
  return `"${text.replace(ensureAscii ? /["\\]|[^ -~]/gu : /["\\\p{Cc}]/gu, escape)}"`;
}

/** A UTF-16 unit as JSON escapes it. */
const numbered = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
