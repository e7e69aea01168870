import { z } from "zod";
import type { Exercise } from "./exercise.ts";
import { parseRow, reasonToNumber } from "./importer.ts";
import type { ParseOptions } from "./importer.ts";
import { parseRecords } from "./records.ts";

const row = z.object({
  ID: z.string().min(1),
  Body: z.string().trim(),
  Question: z.string().trim().min(1),
  Answer: z.union([z.number(), z.string()]).transform(String),
});

/** SVAMP as published: a JSON list of ID, Body, Question, Equation, Answer and Type. */
export function parseSvamp(text: string, { name }: ParseOptions): Exercise[] {
  return parseRecords(text, name).map(({ value, at }) => {
    const { ID: id, Body: body, Question: asked, Answer: answer } = parseRow(row, value, at);
    // Many bodies end within a sentence: "If he had 4 at the start".
    const question = body === "" ? asked : `${body}${/[.,;:!?]$/.test(body) ? "" : ","} ${asked}`;
    return { id, question, instruction: reasonToNumber, solution: answer, answer, grader: "last_number" };
  });
}
