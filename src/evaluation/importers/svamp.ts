import { z } from "zod";
import type { Exercise } from "./exercise.ts";
import { optional, parseRow, reasonToNumber, textOrNumber } from "./importer.ts";
import type { ParseOptions } from "./importer.ts";
import { parseRecords } from "./records.ts";

const row = z.object({
  ID: textOrNumber,
  Body: optional(z.string().trim()),
  Question: z.string().trim().min(1),
  Equation: optional(z.string().trim()),
  Answer: textOrNumber,
});

/** `( 6.0 - ( 3.0 + 2.0 ) )` as people write it: 6 - (3 + 2). */
const readable = (equation: string): string =>
  (isInBrackets(equation) ? equation.slice(1, -1) : equation)
    .replaceAll(/(\d)\.0(?!\d)/g, "$1")
    .replaceAll(/\(\s+/g, "(")
    .replaceAll(/\s+\)/g, ")")
    .trim();

/** Whether the bracket that begins it is closed by its last character, as that of (1 + 2) * (3 + 4) is not. */
function isInBrackets(equation: string): boolean {
  let depth = 0;
  for (let at = 0; at < equation.length; at++) {
    if (equation[at] === "(") depth++;
    else if (equation[at] === ")") depth--;
    if (depth === 0) return at > 0 && at === equation.length - 1;
  }
  return false;
}

/** SVAMP as published: a JSON list of ID, Body, Question, Equation, Answer and Type. */
export function parseSvamp(text: string, { name }: ParseOptions): Exercise[] {
  return parseRecords(text, name).map(({ value, at }) => {
    const {
      ID: id,
      Body: body = "",
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
