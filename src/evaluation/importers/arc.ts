import { z } from "zod";
import type { Exercise } from "./exercise.ts";
import { parseRow } from "./importer.ts";
import type { ParseOptions } from "./importer.ts";
import { chooseAmong } from "./options.ts";
import { parseRecords } from "./records.ts";

const option = z.object({ text: z.string(), label: z.string() });

/** As the authors publish it: a stem with its choices. */
const original = z.object({
  id: z.string().min(1),
  question: z.object({ stem: z.string().min(1), choices: z.array(option).min(2) }),
  answerKey: z.string().min(1),
});

/** As the Hugging Face hub has it: the choices as two lists. */
const columns = z.object({
  id: z.string().min(1),
  question: z.string().min(1),
  choices: z.object({ text: z.array(z.string()).min(2), label: z.array(z.string()) }),
  answerKey: z.string().min(1),
});

const row = z.union([
  original.transform(({ id, question: { stem, choices }, answerKey }) => ({
    ...{ id, answerKey, question: stem },
    options: choices.map(({ text }) => text),
    labels: choices.map(({ label }) => label),
  })),
  columns.transform(({ id, question, choices, answerKey }) => ({
    ...{ id, answerKey, question },
    options: choices.text,
    labels: choices.label,
  })),
]);

/** ARC: options that are called A, B, … or 1, 2, … all become letters. */
export function parseArc(text: string, { name }: ParseOptions): Exercise[] {
  return parseRecords(text, name).map(({ value, at }) => {
    const { id, question, options, labels, answerKey } = parseRow(row, value, at);
    return { id, ...chooseAmong({ question, options, right: labels.indexOf(answerKey) }, at) };
  });
}
