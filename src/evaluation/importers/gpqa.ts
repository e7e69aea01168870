import { csvParse } from "d3-dsv";
import { z } from "zod";
import type { Exercise } from "./exercise.ts";
import { parseRow } from "./importer.ts";
import type { ParseOptions } from "./importer.ts";
import { chooseAmong, shuffle } from "./options.ts";

const cell = z.string().trim().min(1);
const row = z.object({
  Question: cell,
  "Correct Answer": cell,
  "Incorrect Answer 1": cell,
  "Incorrect Answer 2": cell,
  "Incorrect Answer 3": cell,
  "Record ID": cell.optional(),
});

/** GPQA as published: CSV of questions with one correct and three incorrect answers, which the seed puts in order. */
export function parseGpqa(text: string, { name, seed }: ParseOptions): Exercise[] {
  return csvParse(text).map((record, index) => {
    const at = `${name}, record ${index + 1}`;
    const parsed = parseRow(row, record, at);
    const correct = parsed["Correct Answer"];
    const options = shuffle(
      [correct, parsed["Incorrect Answer 1"], parsed["Incorrect Answer 2"], parsed["Incorrect Answer 3"]],
      { seed, record: index },
    );
    const choice = { question: parsed.Question, options, right: options.indexOf(correct) };
    return { id: parsed["Record ID"] ?? String(index), ...chooseAmong(choice, at) };
  });
}
