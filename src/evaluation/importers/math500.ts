import { z } from "zod";
import { parseLines } from "../json-lines.ts";
import type { Exercise } from "./exercise.ts";
import { parseRow } from "./importer.ts";
import type { ParseOptions } from "./importer.ts";

const row = z.object({
  problem: z.string().min(1),
  answer: z.string().min(1),
  unique_id: z.string().min(1),
  solution: z.string().optional(),
});

/** MATH500 as published: JSON lines of problem, solution, answer, subject, level and unique_id. */
export function parseMath500(text: string, { name }: ParseOptions): Exercise[] {
  return parseLines(text, name).map(({ value, at }) => {
    const { problem: question, answer, unique_id: id, solution } = parseRow(row, value, at);
    return {
      ...{ id, question, answer, grader: "boxed" },
      instruction: "Reason step by step, and put your final answer within \\boxed{}.",
      solution: solution ?? `\\boxed{${answer}}`,
    };
  });
}
