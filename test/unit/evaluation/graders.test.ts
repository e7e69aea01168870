import { describe, expect, it } from "vitest";
import { parseDataSet } from "../../../src/evaluation/data-set.ts";
import type { DataItem } from "../../../src/evaluation/data-set.ts";
import { grade } from "../../../src/evaluation/graders/graders.ts";
import { lastBoxed } from "../../../src/selection/answers/box.ts";
import { isSameMathematics } from "../../../src/evaluation/graders/mathematics/mathematics.ts";

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
    expect(await grade("no idea", itemOf("abacus", 5))).toEqual({
      answer: "no idea",
      isCorrect: false,
      isUnanswered: true,
    });
  });
});

describe("mathematics", () => {
  it("finds the last box, braces balanced", () => {
    expect(lastBoxed("\\boxed{a} \\boxed{\\frac{1}{\\{2\\}}}")).toBe("\\frac{1}{\\{2\\}}");
    expect(lastBoxed("so \\boxed 5")).toBe("5");
    expect(lastBoxed("\\boxed{never closed")).toBeUndefined();
    expect(lastBoxed("none")).toBeUndefined();
  });

  it("takes boxes that only a comma or a word parts for a list", () => {
    expect(lastBoxed("$\\boxed{1}$ and $\\boxed{2}$")).toBe("1, 2");
    expect(lastBoxed("\\boxed{1}, \\boxed{2}, \\text{ or } \\boxed{3}")).toBe("1, 2, 3");
    expect(lastBoxed("\\boxed{4}. Rather \\boxed{2}, \\boxed{3}")).toBe("2, 3");
    expect(lastBoxed("\\boxed{4}\n\n\\boxed{4}")).toBe("4");
  });

  it.each([
    ["9".repeat(3900), "1"],
    [`${"(".repeat(1900)}1${")".repeat(1900)}`, "1"],
    ["\\pm 1".repeat(300), "1"],
    ["((9!)!)!", "1"],
    ["1e999999999", "1"],
    ["\\sin(10^{300})", "0"],
    ["x^{99999}", "1"],
    [Array.from({ length: 400 }, (_, i) => `\\sqrt{${i}}`).join(","), "1,2"],
    [`${"2^".repeat(55)}2`, "2"],
    ["\\begin{pmatrix}".repeat(100), "1"],
  ])("ends on what has no bounds: %.20s…", (left, right) => {
    expect(isSameMathematics(left, right)).toBe(false);
    expect(isSameMathematics(left, `${left} `)).toBe(true);
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
    ["(1,2), (3,4)", "(3,4), (1,2)"],
    ["\\frac12, \\frac34", "0.5, 0.75"],
    ["5\\pi\\text{ cm}", "5\\pi"],
    ["x=3, x=5", "3,5"],
    ["\\boldsymbol{5}", "5"],
    ["\\frac{a}{b}", "a/b"],
    ["\\sqrt[3]{-8}", "-2"],
    ["2x+3", "3+2x"],
    ["x(x+1)", "x^2+x"],
    ["\\sqrt{12}", "2\\sqrt3"],
    ["\\log_2 8", "3"],
    ["5!", "120"],
    ["\\binom52", "10"],
    ["0.\\overline{3}", "\\frac13"],
    ["e^{i\\pi}", "-1"],
    ["123_8", "83"],
    ["\\{1,2\\}", "2,1"],
    ["(-\\infty,1)\\cup(3,\\infty)", "(3,\\infty)\\cup(-\\infty,1)"],
    ["3+4i", "4i+3"],
    ["\\sin\\frac{\\pi}{6}", "\\frac12"],
    ["\\sin^2 x+\\cos^2 x", "1"],
    ["1.5e3", "1500"],
    ["1.5\\times10^3", "1500"],
    ["50\\%", "\\frac12"],
    ["9^{9^{9}}", "9^{9^9}"],
    ["10^{10^{10}}", "10^{10000000000}"],
    ["1<x<3", "(1,3)"],
    ["x>3", "(3,\\infty)"],
    ["y=2x+3", "2x-y+3=0"],
    ["f(x)=x^2", "y=x^2"],
    ["1{,}234", "1234"],
    ["1\\,234", "1234"],
    ["1,234,567", "1234567"],
    ["100,200", "100, 200"],
    ["\\sqrt{-4}", "2i"],
    ["\\frac{1}{1+\\sqrt2}", "\\sqrt2-1"],
    ["\\text{no solution}", "No solution."],
    ["\\log 100", "2"],
    ["\\log e", "1"],
    ["\\tan 45^\\circ", "1"],
    ["12:30", "12:30"],
    ["(x,y)=(1,2)", "(1,2)"],
    ["x=2,y=3", "(2,3)"],
    ["]1,2[", "(1,2)"],
    ["\\langle1,2\\rangle", "(1,2)"],
    ["\\vec{a}+\\vec b", "b+a"],
    ["1 234", "1234"],
    ["\\text{5}", "5"],
    ["\\mathrm{e}^2", "e^2"],
    ["5 apples", "5"],
    ["\\$5", "5"],
    ["x \\in \\mathbb{R}", "\\mathbb R"],
    ["\\left\\{ 1, 2 \\right\\}", "\\{2,1\\}"],
    ["-\\frac{1}{-2}", ".5"],
    ["2^{100000}", "2^{100000}"],
    ["\\ln(e^2)", "2"],
    ["|{-3}|", "3"],
    ["|-3|", "3"],
    ["\\lfloor 2.5\\rfloor", "2"],
    ["(-1)^n", "(-1)^{n+2}"],
    ["\\frac{n!}{(n-1)!}", "n"],
    ["2 1/2", "5/2"],
    ["-1\\frac12", "-3/2"],
    ["3\\pm\\sqrt2", "3-\\sqrt2,3+\\sqrt2"],
    ["1\\text{ hour}", "1"],
    ["\\text{B}", "B"],
    ["AB=4", "4"],
    ["\\frac{9}{4}\\pi", "\\frac94\\pi"],
    ["x\\ne 2", "(-\\infty,2)\\cup(2,\\infty)"],
    ["\\sqrt2", "1.41421356237"],
    ["90^\\circ", "\\frac{\\pi}{2}"],
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
    ["2147483647", "2147483648"],
    ["10^{-10}", "10^{-12}"],
    ["\\frac{1}{2^{99}}", "\\frac{1}{2^{98}}"],
    ["100, 200", "100200"],
    ["\\begin{pmatrix}1&2\\end{pmatrix}", "\\begin{pmatrix}1\\\\2\\end{pmatrix}"],
    ["\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{pmatrix}1&2&3&4\\end{pmatrix}"],
    ["9^{9^{9}}", "5"],
    ["10^{10^{10}}", "10^{10^{11}}"],
    ["x=3,y=5", "x=5,y=3"],
    ["123_8", "123"],
    ["[1,2)", "(1,2)"],
    ["\\text{Tuesday}", "\\text{Thursday}"],
    ["5\\text{ cm}", "5\\text{ m}"],
    ["\\sqrt{10^{20}+1}", "10^{10}"],
    ["3.14", "\\pi"],
    ["x=5", "y=5"],
    ["0.3333333333", "\\frac13"],
    ["\\sqrt{2}", "1.41"],
    ["3!", "5"],
    ["(1,2), (3,4)", "(2,1), (3,4)"],
    ["x>3", "x<3"],
    ["x\\ge 3", "x>3"],
    ["50\\%", "5"],
    ["\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}2\\\\1\\end{pmatrix}"],
    ["3,5", "3.5"],
    ["2+3i", "2-3i"],
    ["\\infty", "-\\infty"],
    ["1,2,3", "1,2"],
    ["x^2+1", "x^2-1"],
    ["2^{100000}", "2^{100001}"],
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
