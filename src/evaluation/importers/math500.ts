import { z } from "zod";
import type { DataLine } from "../data-set.ts";
import { parseLines } from "../json-lines.ts";
import { ask, parseRow } from "./importer.ts";
import type { ImportOptions } from "./importer.ts";

const row = z.object({ problem: z.string().min(1), answer: z.string().min(1), unique_id: z.string().min(1) });

/** MATH500 as published: JSON lines of problem, solution, answer, subject, level and unique_id. */
export function importMath500(text: string, { name, asChat }: ImportOptions): DataLine[] {
  return parseLines(text, name).map(({ value, at }) => {
    const { problem, answer, unique_id: id } = parseRow(row, value, at);
    const question = `${problem}\n\nReason step by step, and put your final answer within \\boxed{}.`;
    return { id, ...ask(question, asChat, "\n\n"), answer, grader: "boxed" };
  });
}
