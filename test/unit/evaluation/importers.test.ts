import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parseDataSet } from "../../../src/evaluation/data-set.ts";
import type { DataItem, DataLine } from "../../../src/evaluation/data-set.ts";
import { grade } from "../../../src/evaluation/graders/graders.ts";
import { importGpqa } from "../../../src/evaluation/importers/gpqa.ts";
import { importHumanEval } from "../../../src/evaluation/importers/humaneval.ts";
import { importMath500 } from "../../../src/evaluation/importers/math500.ts";

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

describe("importers", () => {
  it("MATH500: graded by the boxed answer", async () => {
    const items = itemsOf(importMath500(await published("math500.jsonl"), options));
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
      const items = itemsOf(importGpqa(text, { ...options, seed }));
      expect(items).toEqual(itemsOf(importGpqa(text, { ...options, seed })));
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

  it("name record and field of what is not as published", async () => {
    expect(() => importMath500('{"problem":"p","answer":"a"}', options)).toThrow(/file, line 1: .*unique_id/);
    expect(() => importGpqa("Question,Answer\nq,a\n", { ...options, seed: 0 })).toThrow(
      /file, record 1: .*Correct Answer/,
    );
    expect(() => importHumanEval('{"task_id":"x"}', options)).toThrow(/file, line 1: .*prompt/);
  });
});
