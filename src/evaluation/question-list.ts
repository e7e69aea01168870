import { readFile } from "node:fs/promises";
import { z } from "zod";
import { InferenceError } from "../core/errors.ts";
import { fileFault } from "../files/file-fault.ts";
import { writeWhole } from "../files/write-whole.ts";
import type { DataItem } from "./data-set.ts";
import { parseJson } from "./json-lines.ts";

/** Of the file, in the folder of results. */
export const questionsName = "questions.json";

const questionList = z.object({
  /** Of the file that they are from. */
  name: z.string(),
  questions: z.array(z.object({ id: z.string(), text: z.string(), answer: z.string() })),
});

/** What was asked, kept beside the answers so that these can be read without the data. */
export type QuestionList = z.output<typeof questionList>;

export const listQuestions = (name: string, items: readonly DataItem[]): QuestionList => ({
  name,
  questions: items.map(({ id, prompt, messages = [], answer }) => ({
    id,
    text: prompt ?? messages.map(({ role, content }) => `${role}: ${content}`).join("\n"),
    answer,
  })),
});

export const writeQuestions = (path: string, list: QuestionList): Promise<void> =>
  writeWhole(path, `${JSON.stringify(list)}\n`);

/** @returns undefined where there is no such file. @throws InferenceError for one that is none of its own */
export async function readQuestions(path: string): Promise<QuestionList | undefined> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileFault(`${path} cannot be read`, error);
  });
  if (text === undefined) return undefined;
  const parsed = questionList.safeParse(parseJson(text, path));
  if (parsed.success) return parsed.data;
  throw new InferenceError(
    "invalid_request",
    `${path} is no list of questions: ${z.prettifyError(parsed.error)}`,
  );
}
