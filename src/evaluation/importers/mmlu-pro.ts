import { z } from "zod";
import type { Exercise } from "./exercise.ts";
import { optional, parseRow, textOrNumber } from "./importer.ts";
import type { ParseOptions } from "./importer.ts";
import { chooseAmong, letters } from "./options.ts";
import { parseRecords } from "./records.ts";

const row = z
  .object({
    question_id: textOrNumber,
    question: z.string().min(1),
    options: z.array(z.string()).min(2),
    answer: optional(z.string().regex(/^[A-J]$/, "answer is a letter from A to J")),
    answer_index: optional(z.number().int().min(0)),
    cot_content: optional(z.string()),
  })
  .refine(({ answer, answer_index: place }) => answer !== undefined || place !== undefined, {
    error: "a record has answer_index, or answer as a letter",
  });

/**
 * MMLU-Pro's records as JSON lines or a list: question_id, question, options (up to ten), answer, answer_index; the
 * validation part has a worked solution in cot_content.
 */
export function parseMmluPro(text: string, { name }: ParseOptions): Exercise[] {
  return parseRecords(text, name).map(({ value, at }) => {
    const parsed = parseRow(row, value, at);
    const worked = parsed.cot_content?.replace(/^A:\s*/, "").trim();
    const solution = worked === undefined || worked === "" ? undefined : worked;
    const { question, options, answer = "", answer_index: right = letters.indexOf(answer) } = parsed;
    return { id: parsed.question_id, ...chooseAmong({ question, options, right, solution }, at) };
  });
}
