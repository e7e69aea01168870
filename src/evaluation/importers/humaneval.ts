import { z } from "zod";
import type { DataLine } from "../data-set.ts";
import { parseLines } from "../json-lines.ts";
import { parseRow } from "./importer.ts";
import type { ImportOptions } from "./importer.ts";

const row = z.object({
  task_id: z.string().min(1),
  prompt: z.string().min(1),
  canonical_solution: z.string(),
  test: z.string().min(1),
  entry_point: z.string().min(1),
});

/** Where a function that is continued as text has ended (Chen et al. 2021, arXiv 2107.03374, section 2.3). */
const stop = ["\nclass ", "\ndef ", "\n#", "\nif ", "\nprint("];

/** HumanEval as published: JSON lines of task_id, prompt, canonical_solution, test and entry_point. */
export function importHumanEval(text: string, { name, asChat }: ImportOptions): DataLine[] {
  return parseLines(text, name).map(({ value, at }) => {
    const { task_id: id, prompt, canonical_solution: answer, test, entry_point } = parseRow(row, value, at);
    const question = `Complete this function. Answer with the whole function in a \`\`\`python block.\n\n${prompt}`;
    return {
      id,
      ...(asChat ? { messages: [{ role: "user", content: question }] } : { prompt }),
      answer,
      grader: { type: "python", prompt, test, entry_point },
      ...(asChat ? {} : { stop }),
    };
  });
}
