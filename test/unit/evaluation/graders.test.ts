import { describe, expect, it } from "vitest";
import { parseDataSet } from "../../../src/evaluation/data-set.ts";
import type { DataItem } from "../../../src/evaluation/data-set.ts";
import { grade } from "../../../src/evaluation/graders/graders.ts";
import { lastBoxed } from "../../../src/evaluation/graders/latex.ts";
import { isSameMathematics } from "../../../src/evaluation/graders/mathematics.ts";

const itemOf = (grader: unknown, answer: string | number, allowCommands = false): DataItem =>
  parseDataSet(JSON.stringify({ id: 1, prompt: "?", answer, grader }), {
    grader: "exact",
    allowCommands,
    allowCode: false,

    name: "data",
  })[0]!;

describe("graders", () => {
  it.each([
    ["exact", "Paris", " Paris\n", true],
    ["exact", "Paris", "paris", false],
    ["last_number", 1234, "first 7, then 1,234.", true],
    ["last_number", "-0.5", "it is -.5", true],
    ["last_number", 3, "3 or 4", false],
    ["last_number", 3, "none", false],
    ["boxed", "\\frac{1}{2}", "So \\boxed{0.5}", true],
    ["boxed", "2", "\\boxed{1} no, \\boxed{2}", true],
    ["boxed", "2", "2", false],
    ["choice", "B", "The answer is (B).", true],
    ["choice", "b", "A is wrong. Answer: **B**", true],
    ["last_number", -5, "= −5", true],
    ["last_number", 3, "10-3", true],
    ["last_number", 4, "values 3,4", true],
    ["last_number", 2024, "12,2024", true],
    ["last_number", 1500, "1.5e3", true],
    ["last_number", 1200.5, "$1,200.50.", true],
    ["choice", "C", "(C) because A fits worse", true],
    ["choice", "C", "The answer is a difficult one, but (C).", true],
    ["choice", "B", "(B) is what I choose", true],
    ["choice", "B", "B. A proton moves", true],
    ["choice", "(D)", "\\boxed{\\text{D}}", true],
    ["choice", "B", "the answer is b", true],
    ["choice", "A", "the answer is a", true],
    ["choice", "I", "I think so", false],
    ["boxed", "\\boxed{5}", "\\boxed{5}", true],
    ["choice", "D", "D", true],
    ["abacus", 5, "2*3=6;7-6=1;1+4=5;#5", true],
    ["abacus", 5, "#15", false],
    ["pivot", "21", "a408322901231#21", true],
    ["pivot", "21", "a408322901231#2", false],
    ["pivot", "02", "#02", true],
    ["regex", "^ab+$", "abbb", true],
    ["regex", "^ab+$", "a", false],
  ] as const)("%s: %s from %j is %s", async (grader, answer, text, isCorrect) => {
    expect((await grade(text, itemOf(grader, answer))).isCorrect).toBe(isCorrect);
  });

  it("run a command, with the completion on its input and the reference beside it", async () => {
    const script = 'read line; test "$line" = "$METROPOLIS_ANSWER"';
    const item = itemOf({ type: "command", command: ["sh", "-c", script] }, "42", true);
    expect((await grade("42\n", item)).isCorrect).toBe(true);
    expect((await grade("41\n", item)).isCorrect).toBe(false);
    const missing = itemOf({ type: "command", command: ["/no/such/program"] }, "42", true);
    await expect(grade("42", missing)).rejects.toThrow(/cannot be run/);
  });

  it("count a wrong answer as what it is", async () => {
    expect(await grade("so #7", itemOf("abacus", 5))).toEqual({ answer: "7", isCorrect: false });
    expect(await grade("no idea", itemOf("abacus", 5))).toEqual({ answer: "no idea", isCorrect: false });
  });
});

describe("mathematics", () => {
  it("finds the last box, braces balanced", () => {
    expect(lastBoxed("\\boxed{a} \\boxed{\\frac{1}{\\{2\\}}}")).toBe("\\frac{1}{\\{2\\}}");
    expect(lastBoxed("so \\boxed 5")).toBe("5");
    expect(lastBoxed("\\boxed{never closed")).toBeUndefined();
    expect(lastBoxed("none")).toBeUndefined();
  });

  it.each([
    ["\\frac{3}{4}", "\\dfrac34"],
    ["\\frac{3}{4}", "3/4"],
    ["-\\frac{1}{2}", "-0.5"],
    ["1,000", "1000"],
    ["x=5", "5"],
    ["\\left(1, 2\\right)", "(1,2)"],
    ["90^\\circ", "90"],
    ["\\$5.00", "5"],
    ["50\\%", "50"],
    ["\\text{even}", "even"],
    ["\\sqrt3", "\\sqrt{3}"],
    [".25", "1/4"],
    ["2\\cdot 3", "2*3"],
    ["10.", "10"],
    ["\\frac{\\sqrt{3}}{2}", "\\sqrt{3}/2"],
    ["\\frac{\\sqrt{3}}{2}", "\\frac12\\sqrt 3"],
    ["6\\sqrt{2}", "\\sqrt{72}"],
    ["\\sqrt[3]{8}", "2"],
    ["1\\frac{1}{2}", "3/2"],
    ["\\tfrac{-1}{2}", "-\\frac12"],
    ["\\frac{\\pi}{2}", "0.5\\pi"],
    ["2^{10}", "1024"],
    ["10\\text{ cm}^2", "10"],
    ["10 \\mbox{ inches}", "10"],
    ["10 cm", "10"],
    ["1{,}000{,}000", "1,000,000"],
    ["11,\\! 111", "11111"],
    ["x \\in [1,2)", "[1,2)"],
    ["(-\\infty, 3]", "\\left(-\\infty,3\\right]"],
    ["(\\frac{1}{2}, 3)", "(0.5,3)"],
    ["1, -2", "-2,1"],
    ["\\{1,2\\}", "\\{2, 1\\}"],
    ["\\text{(B)}", "B"],
    ["f(x)=x^2", "x^{2}"],
    ["2516_8", "2516_{8}"],
    ["x \\le 5", "x\\leq 5"],
    ["\\pm 3", "3, -3"],
    ["1 \\pm \\sqrt{19}", "1-\\sqrt{19}, 1+\\sqrt{19}"],
    ["3 \\text{ and } 5", "5, 3"],
    ["−5", "-5"],
    ["\\(5\\)", "5"],
    ["\\begin{pmatrix} 1/2 & 0 \\\\ 2 & 3\\end{pmatrix}", "\\begin{bmatrix}\\frac12&0\\\\2&3\\end{bmatrix}"],
  ])("%s is %s", (left, right) => {
    expect(isSameMathematics(left, right)).toBe(true);
  });

  it.each([
    ["\\frac{3}{4}", "\\frac{4}{3}"],
    ["(1,2)", "(2,1)"],
    ["1,200", "1"],
    ["x+1", "x-1"],
    ["\\sqrt{3}", "3"],
    ["-1", "1"],
    ["[1,2)", "[1,2]"],
    ["(1,2)", "1,2"],
    ["2\\pi", "2"],
    ["x^2", "x2"],
    ["\\{1,1\\}", "\\{1,2\\}"],
    ["1\\frac12", "1/2"],
    ["(1,234)", "1234"],
    ["(1,\\pm 2)", "(\\pm 2, 1)"],
    ["\\pm 3", "3"],
    ["10_2", "10_3"],
    ["\\frac{1}{0}", "2"],
    ["", "5"],
  ])("%s is not %s", (left, right) => {
    expect(isSameMathematics(left, right)).toBe(false);
  });
});

describe("data sets", () => {
  const options = {
    grader: "last_number",
    allowCommands: false,
    allowCode: false,

    name: "x.jsonl",
  } as const;

  it("say line and fault", () => {
    const line = '{"id":"a","prompt":"p","answer":1}';
    expect(parseDataSet(`${line}\n\n`, options)).toMatchObject([
      { id: "a", grader: { type: "last_number" } },
    ]);
    for (const [text, message] of [
      ["", /holds no items/],
      [`${line}\nnonsense`, /line 2: not valid JSON/],
      [`${line}\n${line}`, /line 2: id 'a' was used before/],
      ['{"id":"a","answer":1}', /line 1: .*either prompt or messages/],
      ['{"id":"a","prompt":"p","answer":1,"hint":2}', /line 1: .*hint/],
      ['{"id":"a","prompt":"p","answer":"Paris"}', /line 1: answer 'Paris' is no number/],
      ['{"id":"a","prompt":"p","answer":""}', /line 1: answer '' is no number/],
      ['{"id":"a","prompt":"p","answer":"Z","grader":"choice"}', /line 1: answer 'Z' is no letter/],
      ['{"id":"a","prompt":"p","answer":"x","grader":"abacus"}', /line 1: answer 'x' is no whole number/],
      ['{"id":"a","prompt":"p","answer":1,"grader":"mood"}', /line 1/],
      ['{"id":"a","prompt":"p","answer":1,"grader":{"type":"regex","pattern":"("}}', /line 1/],
      [
        '{"id":"a","prompt":"p","answer":"(","grader":"regex"}',
        /line 1: the answer .* no regular expression/,
      ],
      [
        '{"id":"a","prompt":"p","answer":1,"grader":{"type":"python","prompt":"","test":"","entry_point":"f"}}',
        /--allow-code/,
      ],
      ['{"id":"a","prompt":"p","answer":1,"grader":{"type":"command","command":["rm"]}}', /--allow-commands/],
    ] as const) {
      expect(() => parseDataSet(text, options), text).toThrow(message);
    }
  });
});
