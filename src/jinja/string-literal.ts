import { syntaxError } from "./errors.ts";

const simple: ReadonlyMap<string, string> = new Map([
  ["\n", ""],
  ["\\", "\\"],
  ["'", "'"],
  ['"', '"'],
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
]);

const escapes = /\\(?:([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([xuUN])|(.))/gsu;

/** Python's unicode-escape; what is no escape keeps its backslash. @throws TemplateError for one cut short */
export function unescape(text: string, line: number): string {
  return text.replace(escapes, (whole, octal?: string, ...groups: (string | undefined)[]) => {
    const [x, u, long, broken, plain] = groups;
    if (broken !== undefined) throw syntaxError(`truncated or unknown \\${broken} escape`, line);
    if (octal !== undefined) return String.fromCodePoint(parseInt(octal, 8));
    const hex = x ?? u ?? long;
    if (hex !== undefined) {
      const codePoint = parseInt(hex, 16);
      if (codePoint > 0x10ffff) throw syntaxError("illegal Unicode character", line);
      return String.fromCodePoint(codePoint);
    }
    return simple.get(plain ?? "") ?? whole;
  });
}
