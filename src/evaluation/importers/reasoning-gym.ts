import { z } from "zod";
import { valueOfNumber } from "../../selection/answers/number.ts";
import type { Exercise } from "./exercise.ts";
import { optional, parseRow, reasonToNumber, textOrNumber } from "./importer.ts";
import type { ParseOptions } from "./importer.ts";
import { parseRecords } from "./records.ts";

const row = z.object({
  question: z.string().min(1),
  answer: textOrNumber,
  metadata: optional(
    z.looseObject({ source_dataset: optional(z.string()), source_index: optional(z.number().int()) }),
  ),
});

/**
 * What reasoning-gym makes, as JSON lines or a list: question, answer, and metadata with the task and its index. Answers
 * that are numbers are read out of the text; others are to be the text. Tasks whose own verifier takes other answers,
 * too, are judged more strictly than by it.
 */
export function parseReasoningGym(text: string, { name }: ParseOptions): Exercise[] {
  const ids = new Set<string>();
  return parseRecords(text, name).map(({ value, at }, index) => {
    const { question, answer, metadata } = parseRow(row, value, at);
    const isNumber = valueOfNumber(answer) !== undefined;
    const { source_dataset: task = "question", source_index: place = index } = metadata ?? {};
    // Several runs in one file count from 0 each.
    const own = `${task}-${place}`;
    const id = ids.has(own) ? `${own}-${index}` : own;
    ids.add(id);
    return {
      id,
      ...{ question, answer, solution: answer },
      instruction: isNumber ? reasonToNumber : "Give the answer alone.",
      grader: isNumber ? "last_number" : "exact",
    };
  });
}
