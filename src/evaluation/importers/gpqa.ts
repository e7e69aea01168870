import { csvParse } from "d3-dsv";
import { z } from "zod";
import { uniform } from "../../core/random.ts";
import type { DataLine } from "../data-set.ts";
import { ask, parseRow } from "./importer.ts";
import type { ImportOptions } from "./importer.ts";

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
export function importGpqa(
  text: string,
  { name, asChat, seed }: ImportOptions & { readonly seed: number },
): DataLine[] {
  return csvParse(text).map((record, index) => {
    const parsed = parseRow(row, record, `${name}, record ${index + 1}`);
    const correct = parsed["Correct Answer"];
    const options = shuffle(
      [correct, parsed["Incorrect Answer 1"], parsed["Incorrect Answer 2"], parsed["Incorrect Answer 3"]],
      { seed, record: index },
    );
    const letters = options.map((_, place) => String.fromCharCode(65 + place));
    const question = [
      parsed.Question,
      "",
      ...options.map((option, place) => `(${letters[place]!}) ${option}`),
      "",
      "Reason step by step, and end with: The answer is (X), where X is the letter of the right option.",
    ].join("\n");
    return {
      id: parsed["Record ID"] ?? String(index),
      ...ask(question, asChat, "\n\n"),
      answer: letters[options.indexOf(correct)]!,
      grader: "choice",
    };
  });
}

/** Fisher-Yates. */
function shuffle<Member>(
  members: readonly Member[],
  { seed, record }: { seed: number; record: number },
): Member[] {
  const order = [...members];
  for (let last = order.length - 1; last > 0; last--) {
    const u = uniform({ seed, choice: 0, stage: 0, step: record }, "token", last);
    const place = Math.floor(u * (last + 1));
    [order[last], order[place]] = [order[place]!, order[last]!];
  }
  return order;
}
