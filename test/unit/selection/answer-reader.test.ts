import { describe, expect, test } from "vitest";
import { answerReader } from "../../../src/selection/answers/answer-reader.ts";
import { PatternError } from "../../../src/selection/answers/pattern.ts";
import type { AnswerRule } from "../../../src/selection/rules.ts";

/** The answer's text. */
const read = (rule: AnswerRule, text: string): string | undefined => answerReader(rule)(text)?.text;
const areSame = (rule: AnswerRule, ...texts: readonly string[]): boolean => {
  const keys = texts.map((text) => answerReader(rule)(text)?.key);
  return !keys.includes(undefined) && new Set(keys).size === 1;
};

describe("last_number", () => {
  test("finds what a text ends with", () => {
    expect(read("last_number", "12 apples, so 1,234 in all.")).toBe("1234");
    expect(read("last_number", "none")).toBeUndefined();
  });

  test("compares exactly", () => {
    expect(areSame("last_number", "3", "is 3.0", "= 6/2", "\\frac{9}{3}", "3e0", "٣")).toBe(true);
    expect(areSame("last_number", "0.3333333333333333", "1/3")).toBe(false);
    expect(areSame("last_number", "12345678901234567890", "12345678901234567891")).toBe(false);
    expect(areSame("last_number", "-3", "3")).toBe(false);
  });
});

describe("boxed", () => {
  test("is the value of a number, else notation", () => {
    expect(read("boxed", "so \\boxed{x^{2}}.")).toBe("x^{2}");
    expect(read("boxed", "x = 5")).toBeUndefined();
    expect(areSame("boxed", "\\boxed{0.5}", "\\boxed{\\frac12}", "\\boxed{\\dfrac{1}{2}}")).toBe(true);
    expect(
      areSame("boxed", "\\boxed{x^2+1}", "\\boxed{ x^{2} + 1 }", "\\boxed{\\left. x^2 + 1 \\right.}"),
    ).toBe(false);
    expect(areSame("boxed", "\\boxed{x^2+1}", "\\boxed{ x^{2} + 1 }")).toBe(true);
    expect(areSame("boxed", "\\boxed{2x+x}", "\\boxed{3x}")).toBe(false);
  });
});

describe("choice", () => {
  test("is the letter settled on", () => {
    expect(areSame("choice", "The answer is (B).", "**b**\nAnswer: B", "\\boxed{B. Paris}")).toBe(true);
    expect(read("choice", "A or B")).toBeUndefined();
  });
});

describe("json", () => {
  test("is the whole, or the last object or array in a text", () => {
    expect(read("json", ' {"a": 1} ')).toBe('{"a": 1}');
    expect(read("json", 'First [1], then:\n```json\n{"a": {"b": "}"}}\n```\nDone {x}.')).toBe(
      '{"a": {"b": "}"}}',
    );
    expect(read("json", "nothing [here")).toBeUndefined();
  });

  test("is the same value in any order of members and any way of writing", () => {
    expect(areSame("json", '{"a": 1, "b": [2.50, "x"]}', 'so {"b":[2.5,"\\u0078"],"a":1.0}')).toBe(true);
    expect(areSame("json", "[100, -0.5, 0]", "[1e2, -5E-1, -0.0]", "[1.00e+02, -0.50, 0e7]")).toBe(true);
    expect(areSame("json", "[1e999999999]", "[1e999999998]")).toBe(false);
    expect(areSame("json", "[1, 2]", "[2, 1]")).toBe(false);
    expect(areSame("json", '["3"]', "[3]")).toBe(false);
    expect(areSame("json", '{"a": 1}', '[["a", 1]]')).toBe(false);
    expect(areSame("json", "[12345678901234567890]", "[12345678901234567891]")).toBe(false);
    expect(areSame("json", '{"__proto__": 1}', "{}")).toBe(false);
    expect(areSame("json", "[null]", '["null"]')).toBe(false);
  });
});

describe("text", () => {
  test("is the same whatever its case, white space and end", () => {
    expect(areSame("text", " Paris.", "paris", "ＰＡＲＩＳ  \n", "Paris!")).toBe(true);
    expect(areSame("text", "New  York", "new\nyork")).toBe(true);
    expect(areSame("text", "newyork", "new york")).toBe(false);
    expect(read("text", " \n ")).toBeUndefined();
  });
});

describe("regex", () => {
  const rule = (pattern: string): AnswerRule => ({ type: "regex", pattern });

  test("is the first group of the first match, or the match", () => {
    expect(read(rule("#(-?\\d+)"), "1+1=2;#2 #3")).toBe("2");
    expect(read(rule("(?s).*#(-?\\d+)"), "1+1=2;#2\n#3")).toBe("3");
    expect(read(rule("yes|no"), "oh yes, no")).toBe("yes");
    expect(read(rule("yes|no"), "maybe")).toBeUndefined();
    expect(read(rule("a|(b)"), "a")).toBeUndefined();
    expect(areSame(rule("#(.*)$"), "#3", "#3.0")).toBe(true);
  });

  test.each([
    ["(a", "missing closing"],
    ["(?<=a)b", "invalid"],
    ["(a)\\1", "invalid escape"],
    ["(a{1000}){1000}", "invalid repeat"],
    ["[ab]{200}[cd]{200}", "repeat less"],
    ["a".repeat(1001), "more than 1000 characters"],
  ])("refuses %s", (pattern, why) => {
    expect(() => answerReader(rule(pattern))).toThrow(PatternError);
    expect(() => answerReader(rule(pattern))).toThrow(why);
  });

  test("takes no time that explodes", () => {
    // Backtracking would take 2^100000 steps.
    expect(read(rule("(x+x+)+y"), "x".repeat(100_000))).toBeUndefined();
    expect(read(rule("(?:a?){60}a{60}(b)"), "b" + "a".repeat(100_000))).toBeUndefined();
  });

  test("reads the end of a text that is too long for its pattern", () => {
    const padding = "x".repeat(2_000_000);
    expect(read(rule("#(\\d)"), `#1${padding}#2`)).toBe("2");
    expect(read(rule("#(\\d)"), `#1${"x".repeat(20_000)}#2`)).toBe("1");
  });
});

describe("hostile texts", () => {
  const texts = ["1,11,", "[", '["', "\\boxed{", "answer ", "1/", "{}", "\\frac{1", "A or ", ". "];

  test.each(texts)("%s over and over is read", (piece) => {
    for (const rule of ["last_number", "boxed", "choice", "json", "text"] as const)
      expect(() => answerReader(rule)(piece.repeat(200_000 / piece.length))).not.toThrow();
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    expect(read("json", deep)).toBe(deep);
  });
});
