import { whitespace } from "./code-points.ts";
import { syntaxError } from "./errors.ts";
import { stripped } from "./string-methods.ts";
import { unescape } from "./string-literal.ts";

export type Token =
  | { readonly type: "text" | "name" | "string"; readonly value: string; readonly line: number }
  | { readonly type: "number"; readonly value: bigint | number; readonly line: number }
  | { readonly type: "operator"; readonly value: string; readonly line: number }
  | { readonly type: "{{" | "}}" | "{%" | "%}" | "end"; readonly value: ""; readonly line: number };

const space = `[${whitespace}]*`;
const begin = new RegExp(`\\{%([-+]?)${space}raw${space}(?:-%\\}${space}|%\\})|\\{([{%#])([-+]?)`, "gu");
// What ends a block also takes the newline after it (trim_blocks), unless it has a plus.
const blockEnd = `\\+%\\}|-%\\}${space}|%\\}\\n?`;
const rawEnd = new RegExp(`\\{%([-+]?)${space}endraw${space}(?:${blockEnd})`, "gu");
const commentEnd = new RegExp(`\\+#\\}|-#\\}${space}|#\\}\\n?`, "gu");
const ends = {
  "%": new RegExp(blockEnd, "uy"),
  "{": new RegExp(`-\\}\\}${space}|\\}\\}`, "uy"),
};
const blank = new RegExp(`^${space}$`, "u");

const rules = {
  space: new RegExp(`[${whitespace}]+`, "uy"),
  float: /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/uy,
  integer: /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/uy,
  name: /[\p{L}\p{N}\p{M}\p{Pc}]+/uy,
  string: /'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"/suy,
  operator: /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}<>=.:|,;]/uy,
};
const closing: ReadonlyMap<string, string> = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
]);

/**
 * Splits a template as jinja2's lexer does with trim_blocks and lstrip_blocks, the way transformers sets it up.
 * @throws TemplateError for what is no template
 */
export function tokenize(template: string): Token[] {
  // Newlines of all kinds are one, and one at the very end is dropped.
  const source = template.replace(/\r\n|\r/g, "\n").replace(/\n$/, "");
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  let lineStarts = true;

  const advance = (to: number): void => {
    for (let index = at; index < to; index += 1) if (source[index] === "\n") line += 1;
    if (to > at) lineStarts = source[to - 1] === "\n";
    at = to;
  };
  const matched = (rule: RegExp, from: number): RegExpExecArray | null => {
    rule.lastIndex = from;
    return rule.exec(source);
  };
  /** Text up to a tag, less what the tag strips before itself. */
  const text = (upTo: number, sign: string, isBlock: boolean): void => {
    let value = source.slice(at, upTo);
    const lastLine = value.lastIndexOf("\n") + 1;
    if (sign === "-") value = stripped(value, null, "right");
    else if (sign !== "+" && isBlock && (lastLine > 0 || lineStarts) && blank.test(value.slice(lastLine))) {
      value = value.slice(0, lastLine);
    }
    if (value !== "") tokens.push({ type: "text", value, line });
  };

  while (at < source.length) {
    const tag = matched(begin, at);
    if (tag === null) {
      tokens.push({ type: "text", value: source.slice(at), line });
      break;
    }
    const [whole, rawSign = "", kind = "raw", sign = ""] = tag;
    text(tag.index, kind === "raw" ? rawSign : sign, kind !== "{");
    advance(tag.index + whole.length);
    if (kind === "raw") raw();
    else if (kind === "#") comment();
    else if (kind === "{" || kind === "%") expression(kind);
  }
  tokens.push({ type: "end", value: "", line });
  return tokens;

  function raw(): void {
    const end = matched(rawEnd, at);
    if (end === null) throw syntaxError("Missing end of raw directive", line);
    text(end.index, end[1] ?? "", true);
    advance(end.index + end[0].length);
  }

  function comment(): void {
    const end = matched(commentEnd, at);
    if (end === null) throw syntaxError("Missing end of comment tag", line);
    advance(end.index + end[0].length);
  }

  function expression(kind: "{" | "%"): void {
    tokens.push({ type: kind === "{" ? "{{" : "{%", value: "", line });
    const open: string[] = [];
    while (at < source.length) {
      const end = open.length === 0 ? matched(ends[kind], at) : null;
      if (end !== null) {
        tokens.push({ type: kind === "{" ? "}}" : "%}", value: "", line });
        advance(at + end[0].length);
        return;
      }
      token(open);
    }
  }

  function token(open: string[]): void {
    const found = (Object.keys(rules) as (keyof typeof rules)[]).find(
      (rule) => matched(rules[rule], at) !== null,
    );
    if (found === undefined) throw syntaxError(`unexpected char '${source[at]}' at ${at}`, line);
    const value = matched(rules[found], at)![0];
    if (found === "operator") balance(open, value);
    if (found === "operator" || found === "name") tokens.push({ type: found, value, line });
    else if (found === "string") {
      tokens.push({ type: "string", value: unescape(value.slice(1, -1), line), line });
    } else if (found !== "space") {
      const digits = value.replaceAll("_", "");
      tokens.push({ type: "number", value: found === "float" ? Number(digits) : BigInt(digits), line });
    }
    advance(at + value.length);
  }

  function balance(open: string[], value: string): void {
    const closes = closing.get(value);
    if (closes !== undefined) open.push(closes);
    if (!")]}".includes(value)) return;
    const expected = open.pop();
    if (expected === undefined) throw syntaxError(`unexpected '${value}'`, line);
    if (expected !== value) throw syntaxError(`unexpected '${value}', expected '${expected}'`, line);
  }
}
