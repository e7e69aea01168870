import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import type { Exercise } from "./exercise.ts";
import { parseRow, reasonToNumber } from "./importer.ts";
import type { ParseOptions } from "./importer.ts";
import { parseRecords } from "./records.ts";

const row = z.object({ question: z.string().min(1), answer: z.string().min(1) });

/** GSM8K as published: JSON lines of question and answer, a solution with the number after ####. */
export function parseGsm8k(text: string, { name }: ParseOptions): Exercise[] {
  return parseRecords(text, name).map(({ value, at }, index) => {
    const { question, answer: worked } = parseRow(row, value, at);
    const answer = /####\s*(\S.*?)\s*$/.exec(worked)?.[1];
    if (answer === undefined)
      throw new InferenceError("invalid_request", `${at}: answer has no number after ####.`);
    return {
      id: `gsm8k-${index}`,
      question,
      instruction: reasonToNumber,
      // Without the marks of its calculator.
      solution: worked.replace(/<<[^<>]*>>/g, ""),
      answer,
      grader: "last_number",
    };
  });
}
