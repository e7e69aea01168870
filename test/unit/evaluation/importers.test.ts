import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parseDataSet } from "../../../src/evaluation/data-set.ts";
import type { DataItem, DataLine } from "../../../src/evaluation/data-set.ts";
import { askExercises } from "../../../src/evaluation/importers/exercise.ts";
import type { Exercise } from "../../../src/evaluation/importers/exercise.ts";
import { parseArc } from "../../../src/evaluation/importers/arc.ts";
import { parseBigBench } from "../../../src/evaluation/importers/big-bench.ts";
import { parseGsm8k } from "../../../src/evaluation/importers/gsm8k.ts";
import { parseMmluPro } from "../../../src/evaluation/importers/mmlu-pro.ts";
import { parseReasoningGym } from "../../../src/evaluation/importers/reasoning-gym.ts";
import { parseSvamp } from "../../../src/evaluation/importers/svamp.ts";
import { grade } from "../../../src/evaluation/graders/graders.ts";
import { parseGpqa } from "../../../src/evaluation/importers/gpqa.ts";
import { importHumanEval } from "../../../src/evaluation/importers/humaneval.ts";
import { parseMath500 } from "../../../src/evaluation/importers/math500.ts";

const published = (name: string): Promise<string> =>
  readFile(new URL(`../../fixtures/data-sets/${name}`, import.meta.url), "utf8");
const itemsOf = (lines: readonly DataLine[]): readonly DataItem[] =>
  parseDataSet(lines.map((line) => JSON.stringify(line)).join("\n"), {
    grader: "exact",
    allowCommands: false,
    allowCode: true,

    name: "imported",
  });
const options = { name: "file", asChat: false };
const own = { name: "file", seed: 0 };
/** As they are asked without examples. */
const asked = (exercises: readonly Exercise[]): DataLine[] =>
  askExercises(exercises, { asChat: false, count: 0 });
const lines = (...records: readonly object[]): string =>
  records.map((record) => JSON.stringify(record)).join("\n");

describe("importers", () => {
  it("MATH500: graded by the boxed answer", async () => {
    const items = itemsOf(asked(parseMath500(await published("math500.jsonl"), own)));
    expect(items.map(({ id }) => id)).toEqual(["test/prealgebra/1.json", "test/algebra/2.json"]);
    expect(items[0]!.prompt).toMatch(/of \$3\$\?\n[\s\S]*\\boxed\{\}/);
    expect(await grade("it is \\boxed{1.5}", items[0]!)).toMatchObject({ isCorrect: true });
    expect(await grade("\\boxed{2,-2}", items[1]!)).toMatchObject({ isCorrect: true });
    expect(await grade("\\boxed{2}", items[1]!)).toMatchObject({ isCorrect: false });
  });

  it("GPQA: options in an order that the seed repeats, and the letter follows the right one", async () => {
    const text = await published("gpqa.csv");
    const letters = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const items = itemsOf(asked(parseGpqa(text, { ...own, seed })));
      expect(items).toEqual(itemsOf(asked(parseGpqa(text, { ...own, seed }))));
      expect(items.map(({ id }) => id)).toEqual(["rec1", "rec2"]);
      const { prompt, answer } = items[0]!;
      expect(prompt).toContain("Which of these, if any, is a\nnoble gas?");
      expect(prompt).toContain(`(${answer}) Neon`);
      for (const wrong of ["Iron", "Water, liquid", "Salt"]) expect(prompt).toContain(`) ${wrong}\n`);
      expect(await grade(`So the answer is (${answer}).`, items[0]!)).toMatchObject({ isCorrect: true });
      letters.add(answer);
    }
    expect([...letters].sort()).toEqual(["A", "B", "C", "D"]);
  });

  it("HumanEval: the prompt is continued, or asked for in conversation", async () => {
    const text = await published("humaneval.jsonl");
    const [item] = itemsOf(importHumanEval(text, options));
    expect(item).toMatchObject({ id: "Sample/0", answer: "    return sum(numbers)\n" });
    expect(item!.stop).toContain("\ndef ");
    const [chat] = itemsOf(importHumanEval(text, { ...options, asChat: true }));
    expect(chat!.prompt).toBeUndefined();
    expect(chat!.messages![0]!.content).toContain("def total(");
    expect(chat!.grader).toEqual(item!.grader);
    expect(chat!.stop).toEqual([]);
  });

  it("GSM8K: the number after ####, the solution without its calculator's marks", async () => {
    const text = lines(
      { question: "Two and three apples?", answer: "There are 2+3=<<2+3=5>>5 apples.\n#### 5" },
      { question: "How many in all?", answer: "Many.\n#### 1,200" },
    );
    const exercises = parseGsm8k(text, own);
    expect(exercises.map(({ answer, solution }) => [answer, solution])).toEqual([
      ["5", "There are 2+3=5 apples.\n#### 5"],
      ["1,200", "Many.\n#### 1,200"],
    ]);
    const items = itemsOf(asked(exercises));
    expect(items[0]!.prompt).toMatch(/^Two and three apples\?\n\nReason step by step, .*\n\n$/);
    expect(await grade("so it is $1200.", items[1]!)).toMatchObject({ isCorrect: true });
    for (const { solution } of exercises.slice(0, 1))
      expect(await grade(solution, items[0]!)).toMatchObject({ isCorrect: true });
    expect(() => parseGsm8k(lines({ question: "q", answer: "5" }), own)).toThrow(/file, line 1: .*####/);
  });

  it("SVAMP: a list, its body before its question", () => {
    const record = { ID: "chal-1", Body: "A pen costs 3 dollars.", Question: "What do 2 cost?", Answer: 6.0 };
    const within = { ...record, ID: "chal-2", Body: "If a pen costs 3 dollars" };
    const [item, other] = itemsOf(asked(parseSvamp(JSON.stringify([record, within]), own)));
    expect(other!.prompt).toMatch(/^If a pen costs 3 dollars, What do 2 cost\?\n/);
    expect(item).toMatchObject({ id: "chal-1", answer: "6", grader: { type: "last_number" } });
    expect(item!.prompt).toMatch(/^A pen costs 3 dollars\. What do 2 cost\?\n/);
    const worked = { ...record, Equation: "( 8.0 - ( 1.0 + 1.05 ) )" };
    const [example, plain] = parseSvamp(JSON.stringify([worked, record]), own);
    expect([example!.solution, plain!.solution]).toEqual(["8 - (1 + 1.05) = 6", "6"]);
    expect(() => parseSvamp('[{"ID":"x"}]', own)).toThrow(/file, record 1: .*Question/);
    const workedOut = (Equation: string): string =>
      parseSvamp(JSON.stringify([{ ...record, Equation }]), own)[0]!.solution;
    expect(workedOut("(1+2)*(3+4)")).toBe("(1+2)*(3+4) = 6");
    expect(workedOut("( ( 1.0 + 2.0 ) * ( 3.0 + 4.0 ) )")).toBe("(1 + 2) * (3 + 4) = 6");
    expect(workedOut("8.0")).toBe("8 = 6");
    const bare = { ...record, ID: 7, Body: null, Equation: null, Answer: "6.5" };
    expect(parseSvamp(JSON.stringify([bare]), own)).toMatchObject([
      { id: "7", question: "What do 2 cost?", solution: "6.5", answer: "6.5" },
    ]);
  });

  it("MMLU-Pro: up to ten options, a worked solution where there is one", async () => {
    const options = Array.from({ length: 10 }, (_, index) => `option ${index}`);
    const record = { question_id: 7, question: "Which?", options, answer: "J", answer_index: 9 };
    const worked = { ...record, question_id: 8, cot_content: "A: Since so. The answer is (J)." };
    const exercises = parseMmluPro(lines(record, worked), own);
    expect(exercises.map(({ solution }) => solution)).toEqual([
      "The answer is (J).",
      "Since so. The answer is (J).",
    ]);
    const items = itemsOf(asked(exercises));
    expect(items[0]!.prompt).toContain("(J) option 9\n");
    for (const [index, item] of items.entries())
      expect(await grade(exercises[index]!.solution, item)).toMatchObject({ answer: "J", isCorrect: true });
    const { answer_index: _, ...byLetter } = { ...record, cot_content: null };
    expect(parseMmluPro(lines(byLetter), own)).toMatchObject([{ answer: "J" }]);
    const { answer: __, ...neither } = byLetter;
    expect(() => parseMmluPro(lines(neither), own)).toThrow(/file, line 1: .*answer_index, or answer/);
    const beyond = { ...record, options: options.slice(0, 3) };
    expect(() => parseMmluPro(lines(beyond), own)).toThrow(/the right one is none of the 3 options/);
    const many = { ...record, options: [...options, "more"] };
    expect(() => parseMmluPro(lines(many), own)).toThrow(/file, line 1: .*11 options.*A to J/);
  });

  it("ARC: in both forms, numbered options under letters", () => {
    const original = {
      ...{ id: "M1", answerKey: "3" },
      question: {
        stem: "What is hot?",
        choices: ["ice", "snow", "fire"].map((text, index) => ({ text, label: String(index + 1) })),
      },
    };
    const columns = {
      ...{ id: "M2", question: "What is cold?", answerKey: "A" },
      choices: { text: ["ice", "fire"], label: ["A", "B"] },
    };
    const items = itemsOf(asked(parseArc(lines(original, columns), own)));
    expect(items.map(({ id, answer }) => [id, answer])).toEqual([
      ["M1", "C"],
      ["M2", "A"],
    ]);
    expect(items[0]!.prompt).toContain("What is hot?\n\n(A) ice\n(B) snow\n(C) fire\n");
    expect(() => parseArc(lines({ ...columns, answerKey: "E" }), own)).toThrow(
      /file, line 1: answerKey 'E' is none of the labels A, B/,
    );
    for (const wrong of [
      { ...original, answerKey: "" },
      { ...columns, answerKey: "" },
    ])
      expect(() => parseArc(lines(wrong), own)).toThrow(/file, line 1: .*answerKey/);
    const short = { ...columns, choices: { text: ["ice", "fire"], label: ["A"] } };
    expect(() => parseArc(lines(short), own)).toThrow(/file, line 1: .*each text has a label/);
  });

  it("BIG-bench: targets as text, as number, as any of several, and options by score", async () => {
    const examples = [
      { input: "1 + 1?", target: "2" },
      { input: "Capital of France?", target: ["Paris", "Paris (city)"] },
      { input: "Say hi.", target: "hi" },
      { input: "Which is a fruit?", target_scores: { pear: 1, chair: 0, table: 0 } },
    ];
    const task = { name: "small", task_prefix: "Answer this. ", examples };
    const items = itemsOf(asked(parseBigBench(JSON.stringify(task), own)));
    expect(items.map(({ grader }) => grader.type)).toEqual(["last_number", "regex", "exact", "choice"]);
    expect(items[0]!.prompt).toMatch(/^Answer this\. 1 \+ 1\?\n/);
    expect(await grade(" Paris (city)\n", items[1]!)).toMatchObject({ isCorrect: true });
    expect(await grade("not Paris", items[1]!)).toMatchObject({ isCorrect: false });
    const letters = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const [, , , choice] = itemsOf(asked(parseBigBench(JSON.stringify(task), { ...own, seed })));
      expect(choice!.prompt).toContain(`(${choice!.answer}) pear\n`);
      letters.add(choice!.answer);
    }
    expect([...letters].sort()).toEqual(["A", "B", "C"]);
    const wrong = (one: object): string => JSON.stringify({ ...task, examples: [one] });
    expect(() => parseBigBench(wrong({ input: "q" }), own)).toThrow(/example 1: .*target or target_scores/);
    expect(() => parseBigBench(wrong({ input: "q", target_scores: { a: 1, b: 1 } }), own)).toThrow(
      /example 1: several options/,
    );
  });

  it("BIG-bench: without a name as BIG-bench Hard, and with numbers for targets", () => {
    const examples = [
      { input: "not True is", target: "False" },
      { input: "1 + 1.5?", target: 2.5 },
      { input: "1 + 1?", target: [2, "two"], target_scores: null },
    ];
    const exercises = parseBigBench(JSON.stringify({ canary: "c", examples }), { ...own, name: "hard.json" });
    expect(exercises.map(({ id, answer }) => [id, answer])).toEqual([
      ["hard-0", "False"],
      ["hard-1", "2.5"],
      ["hard-2", "2"],
    ]);
    const none = JSON.stringify({ examples: [{ input: "q", target: [] }] });
    expect(() => parseBigBench(none, own)).toThrow(/example 1: .*target or target_scores/);
  });

  it("reasoning-gym: by number where the answer is one, else by text", () => {
    const metadata = { source_dataset: "chain_sum", source_index: 4 };
    const items = itemsOf(
      asked(
        parseReasoningGym(
          lines({ question: "1 + 2 =", answer: "3", metadata }, { question: "Reverse ab", answer: "ba" }),
          own,
        ),
      ),
    );
    expect(items.map(({ id, grader }) => [id, grader.type])).toEqual([
      ["chain_sum-4", "last_number"],
      ["question-1", "exact"],
    ]);
    const twice = { question: "1 + 2 =", answer: 3, metadata };
    const unnamed = { question: "q", answer: 2.5, metadata: { source_dataset: null, source_index: null } };
    const read = itemsOf(asked(parseReasoningGym(lines(twice, twice, unnamed), own)));
    expect(read.map(({ id, answer }) => [id, answer])).toEqual([
      ["chain_sum-4", "3"],
      ["chain_sum-4-1", "3"],
      ["question-2", "2.5"],
    ]);
  });

  it("ask after examples, which stop where the text asks itself another question", () => {
    const exercises = parseGsm8k(
      lines(...[1, 2, 3].map((one) => ({ question: `What is ${one}?`, answer: `It is.\n#### ${one}` }))),
      own,
    );
    const [first] = itemsOf(askExercises(exercises, { asChat: false, shots: exercises, count: 2 }));
    // A question is no example of itself.
    expect(first!.prompt).toBe(
      "Question: What is 2?\nAnswer: It is.\n#### 2\n\nQuestion: What is 3?\nAnswer: It is.\n#### 3\n\nQuestion: What is 1?\nAnswer:",
    );
    expect(first!.stop).toEqual(["\nQuestion:"]);
    const [chat] = itemsOf(askExercises(exercises, { asChat: true, shots: exercises, count: 1 }));
    expect(chat!.messages!.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    expect(chat!.messages![1]!.content).toBe("It is.\n#### 2");
    expect(chat!.messages![2]!.content).toMatch(/^What is 1\?\n\nReason/);
    expect(() => askExercises(exercises, { asChat: false, shots: exercises, count: 3 })).toThrow(
      /--k: 3 examples are wanted, and --shots has 2 for question 'gsm8k-0'/,
    );
  });

  it("name record and field of what is not as published", async () => {
    expect(() => parseMath500('{"problem":"p","answer":"a"}', own)).toThrow(/file, line 1: .*unique_id/);
    expect(() => parseGpqa("Question,Answer\nq,a\n", own)).toThrow(/file, record 1: .*Correct Answer/);
    expect(() => importHumanEval('{"task_id":"x"}', options)).toThrow(/file, line 1: .*prompt/);
  });
});
