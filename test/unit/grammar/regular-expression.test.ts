import { describe, expect, it } from "vitest";
import { GrammarError } from "../../../src/grammar/grammar-error.ts";
import { readerOf } from "../../support/language.ts";

const holdsOf = (pattern: string) => readerOf({ kind: "regex", pattern });
const searchOf = (pattern: string) =>
  readerOf({ kind: "json_schema", schema: { type: "string", pattern }, isClosed: true });

describe("patterns in other dialects", () => {
  it.each<[string, string[], string[]]>([
    // Escapes that need none change nothing else in the pattern.
    ["\\p{Lu}\\-\\d", ["A-1", "É-2"], ["p{Lu}-1", "a-1"]],
    ["\\u{1F600}\\-", ["😀-"], ["u{1F600}-"]],
    ["😀\\-\\@", ["😀-@"], ["😀"]],
    ["[\\w-.]+@[.-\\d]+", ["a-b.c@1.-2"], ["a@b"]],
    ["[\\-\\#a-c]+", ["-#b"], ["d"]],
    // Braces and brackets that close or repeat nothing.
    ['{"a": [0-9]{1,2}}', ['{"a": 12}'], ['{"a": 123}']],
    ["{}|a]|b{", ["{}", "a]", "b{"], ["a", "b"]],
    // Python's own, where they are not escaped and in no class.
    ["\\A(?P<year>\\d{4})\\Z", ["1999"], ["199"]],
    ["\\(?P<", ["P<", "(P<"], ["<"]],
    ["[(?P<x]", ["P", "<"], ["a"]],
    ["a\\\\Z", ["a\\Z"], ["a$", "a"]],
  ])("mean what they mean there: %s", (pattern, inside, outside) => {
    const holds = holdsOf(pattern);
    expect(inside.filter((one) => !holds(one))).toEqual([]);
    expect(outside.filter(holds)).toEqual([]);
  });

  it.each<[string, RegExp]>([
    ["#[0-9]{1,2", /Incomplete quantifier/],
    ["a{,3}", /Incomplete quantifier/],
    ["[[:alpha:]]+", /\[:alpha:\]/],
    ["\\Qa.b\\E", /Invalid escape/],
    ["\\a", /Invalid escape/],
    ["\\x4", /Invalid escape/],
    ["\\8", /Invalid escape/],
    ["[a", /Unterminated character class/],
    ["[a\\]", /Unterminated character class/],
    ["(a", /Unterminated group/],
  ])("are refused where they mean different things, or nothing: %s", (pattern, message) => {
    expect(() => holdsOf(pattern)).toThrow(GrammarError);
    expect(() => holdsOf(pattern)).toThrow(message);
  });
});

describe("anchors", () => {
  it.each<[string, string[], string[]]>([
    ["^a|b$", ['"ac"', '"cb"'], ['"ca"', '"bc"']],
    ["(^a|b)c", ['"acd"', '"dbc"'], ['"dac"']],
    ["a(b|(c$))", ['"abx"', '"xac"'], ['"acx"']],
    ["(^(a|b$))", ['"ax"', '"b"'], ['"xb"', '"bx"']],
    ["^$", ['""'], ['"a"']],
  ])("hold at the ends of a text: %s", (pattern, inside, outside) => {
    const holds = searchOf(pattern);
    expect(inside.filter((one) => !holds(one))).toEqual([]);
    expect(outside.filter(holds)).toEqual([]);
  });

  // The runtime matches nothing of these, or less than without the anchor.
  it.each(["(a$)b", "(a|b$)c", "a(^b)", "((a$))b", "x(^a)?", "(?:^a)+", "a$b", "a^b", "$^", "a\\Zb"])(
    "are refused where something stands before or behind: %s",
    (pattern) => {
      expect(() => holdsOf(pattern)).toThrow(/alone/);
      expect(() => searchOf(pattern)).toThrow(/alone/);
    },
  );
});
