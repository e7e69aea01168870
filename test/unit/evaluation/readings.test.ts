import { describe, expect, it } from "vitest";
import { parseDataSet } from "../../../src/evaluation/data-set.ts";
import { grade } from "../../../src/evaluation/graders/graders.ts";
import { lastNumber } from "../../../src/selection/answers/number.ts";

const isCorrect = async (grader: string, answer: string | number, text: string): Promise<boolean> => {
  const line = JSON.stringify({ id: 1, prompt: "?", answer, grader });
  const options = { grader: "exact", allowCommands: false, allowCode: false, name: "data" } as const;
  return (await grade(text, parseDataSet(line, options)[0]!)).isCorrect;
};

describe.each([
  [
    "last_number",
    [
      [1234, "it is 1{,}234", true],
      [1234.5, "1,234.5", true],
      [-3, "x is -3.", true],
      [1500, "1.5e3", true],
      ["3/4", "the share is 3/4.", true],
      [0.75, "\\frac{3}{4}", true],
      [12, "costs $12", true],
      [12, "12%", true],
      [12, "12\\%", true],
      [1234, "1\\,234", true],
      [1234, "1,\\!234", true],
      [1234567, "1{,}234{,}567 apples", true],
      [1234, "1\u202f234", true],
      [3, "٣", true],
      [42, "４２", true],
      [42, "**42**", true],
      [-42, "**−42**", true],
      [3, "pages 2-3", true],
      [-12, "-$12", true],
      [-12, "$-12", true],
      [1500, "1.5 \\times 10^{3}", true],
      [1000000, "10^6", true],
      [12, "12 cm^2", true],
      [12, "12 m²", true],
      [12, "12 g of H2O", true],
      [2.5, "2 1/2", true],
      [2.5, "2\\frac{1}{2}", true],
      [2.5, "2½", true],
      [-0.5, "-\\frac{1}{2}", true],
      ["9007199254740993", "9007199254740992", false],
      ["9007199254740993", "9,007,199,254,740,993", true],
      [2024, "on 3/4/2024", true],
      [1010, "1010_2", true],
      [42, "__42__", true],
      [5, "1e999999999 then 5", true],
      [5, "1e999999999", false],
      [234, "1{,}234", false],
      [300, "100 200 300", true],
      [5, "答案是5。", true],
      [123456, "₹1,23,456", true],
      ["1/3", "0.3333333333333333", false],
      [7, "7:", true],
      [8, "= 8$", true],
      [0.1, "0.10", true],
    ],
  ],
  [
    "choice",
    [
      ["B", "\\boxed{B. Paris}", true],
      ["B", "\\boxed{\\text{B}}", true],
      ["B", "\\boxed{\\text{(B) Paris}}", true],
      ["B", "(B)", true],
      ["B", "B)", true],
      ["B", "**B**", true],
      ["B", "The answer is B.", true],
      ["B", "Answer: (b)", true],
      ["C", "\\textbf{(C)}", true],
      ["C", "So the answer is $\\textbf{(C)}$.", true],
      ["A", "The answer is A or B.", false],
      ["B", "The answer is A or B.", false],
      ["A", "A or B", false],
      ["B", "A or B", false],
      ["B", "\\boxed{A, B}", false],
      ["A", "\\boxed{A, B}", false],
      ["H", "The answer is H.", true],
      ["J", "\\boxed{J: Rome}", true],
      ["A", "A cat sat on the mat", false],
      ["A", "A proton is heavier than an electron.", false],
      ["A", "The answer is A cat", false],
      ["D", "\\boxed{\\mathbf{D}}", true],
      ["D", "**Answer:** D", true],
      ["D", "Final Answer: **(D) Rome**", true],
      ["B", "\\boxed{\\text{B. } 5\\%}", true],
      ["B", "（B）", true],
      ["B", "The correct option is B", true],
      ["C", "\\boxed{A} or rather \\boxed{C}", true],
      ["B", "\\boxed{\\text{Option B}}", true],
      ["B", "I choose B because A is wrong", true],
      ["A", "\\boxed{A cat}", false],
      ["A", "A. Paris", true],
      ["C", "The answer is (C), and A is wrong", true],
      ["E", "Answer: E", true],
      ["B", "the answer is not B", false],
      ["B", "The answer is \\(\\boxed{\\textbf{(B)}\\ 12}\\)", true],
      ["B", "\\boxed{B\\text{: Paris}}", true],
      ["B", "\\boxed{\\text{B}) \\text{Paris}}", true],
    ],
  ],
] as const)("%s", (grader, cases) => {
  it.each(cases as readonly (readonly [string | number, string, boolean])[])(
    "%s and %j: %s",
    async (answer, text, isSame) => {
      expect(await isCorrect(grader, answer, text)).toBe(isSame);
    },
  );
});

describe("the last number", () => {
  it.each([
    ["it is 1{,}234.", "1234"],
    ["−$1,200.50", "-1200.50"],
    ["1.5 \\times 10^{−3}", "1.5 \\times 10^{-3}"],
    ["none", undefined],
    ["x_1", undefined],
  ])("of %j is %s", (text, number) => {
    expect(lastNumber(text)).toBe(number);
  });

  it.each(["Paris", "", "1/0", "3 apples", "1e99999", "0^{-1}"])(
    "is not %j as a reference",
    async (answer) => {
      await expect(isCorrect("last_number", answer, "1")).rejects.toThrow(/is no number/);
    },
  );
});
