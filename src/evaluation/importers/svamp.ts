import { z } from "zod";
import type { Exercise } from "./exercise.ts";
import { parseRow, reasonToNumber } from "./importer.ts";
import type { ParseOptions } from "./importer.ts";
import { parseRecords } from "./records.ts";

const row = z.object({
  ID: z.string().min(1),
  Body: z.string().trim(),
  Question: z.string().trim().min(1),
  Equation: z.string().trim().optional(),
  Answer: z.union([z.number(), z.string()]).transform(String),
});

/** `( 6.0 - ( 3.0 + 2.0 ) )` as people write it: 6 - (3 + 2). */
const readable = (equation: string): string =>
  equation
    .replace(/^\(([\s\S]*)\)$/, "$1")
    .replaceAll(/(\d)\.0(?!\d)/g, "$1")
    .replaceAll(/\(\s+/g, "(")
    .replaceAll(/\s+\)/g, ")")
    .trim();

/** SVAMP as published: a JSON list of ID, Body, Question, Equation, Answer and Type. */
export function parseSvamp(text: string, { name }: ParseOptions): Exercise[] {
  return parseRecords(text, name).map(({ value, at }) => {
    const {
      ID: id,
      Body: body,
      Question: asked,
      Equation: equation,
      Answer: answer,
    } = parseRow(row, value, at);
    // Many bodies end within a sentence: "If he had 4 at the start".
    const question = body === "" ? asked : `${body}${/[.,;:!?]$/.test(body) ? "" : ","} ${asked}`;
    const solution = equation ? `${readable(equation)} = ${answer}` : answer;
    return { id, question, instruction: reasonToNumber, solution, answer, grader: "last_number" };
  });
}
