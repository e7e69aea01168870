import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import type { Exercise } from "./exercise.ts";
import { parseRow } from "./importer.ts";
import type { ParseOptions } from "./importer.ts";
import { chooseAmong } from "./options.ts";
import { parseRecords } from "./records.ts";

const option = z.object({ text: z.string(), label: z.string() });

/** As the authors publish it: a stem with its choices. */
const original = z
  .object({
    id: z.string().min(1),
    question: z.object({ stem: z.string().min(1), choices: z.array(option).min(2) }),
    answerKey: z.string().min(1),
  })
  .transform(({ question: { stem: question, choices }, ...rest }) => ({ ...rest, question, choices }));

/** As the Hugging Face hub has it: the choices as two lists. */
const columns = z
  .object({
    id: z.string().min(1),
    question: z.string().min(1),
    choices: z
      .object({ text: z.array(z.string()).min(2), label: z.array(z.string()) })
      .refine(({ text, label }) => text.length === label.length, { error: "each text has a label" }),
    answerKey: z.string().min(1),
  })
  .transform(({ choices: { text, label }, ...rest }) => ({
    ...rest,
    choices: text.map((own, place) => ({ text: own, label: label[place]! })),
  }));

const withStem = z.looseObject({ question: z.looseObject({}) });

/** ARC: options that are called A, B, … or 1, 2, … all become letters. */
export function parseArc(text: string, { name }: ParseOptions): Exercise[] {
  return parseRecords(text, name).map(({ value, at }) => {
    // Looked at first, so that an error names the field of the form that it is in.
    const row = withStem.safeParse(value).success ? original : columns;
    const { id, question, choices, answerKey } = parseRow(row, value, at);
    const right = choices.findIndex(({ label }) => label === answerKey);
    if (right === -1) {
      const labels = choices.map(({ label }) => label).join(", ");
      throw new InferenceError(
        "invalid_request",
        `${at}: answerKey '${answerKey}' is none of the labels ${labels}.`,
      );
    }
    return { id, ...chooseAmong({ question, options: choices.map((one) => one.text), right }, at) };
  });
}
