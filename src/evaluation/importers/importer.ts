import type { z } from "zod";
import { prettifyError } from "zod";
import { InferenceError } from "../../core/errors.ts";
import type { DataLine } from "../data-set.ts";

export interface ImportOptions {
  /** Of the file, for errors. */
  readonly name: string;
  /** Questions as conversations, for models with a chat template, rather than as text to be continued. */
  readonly asChat: boolean;
}

/** A row in its published form. @throws InferenceError naming the place and the field */
export function parseRow<Schema extends z.ZodType>(
  schema: Schema,
  row: unknown,
  at: string,
): z.output<Schema> {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  const fault = prettifyError(parsed.error).replaceAll("\n", " ");
  throw new InferenceError("invalid_request", `${at}: ${fault}. Is the file of the format that was named?`);
}

/** The question as prompt or as conversation. @param ends what a text to be continued ends with */
export function ask(question: string, asChat: boolean, ends: string): Pick<DataLine, "prompt" | "messages"> {
  return asChat ? { messages: [{ role: "user", content: question }] } : { prompt: question + ends };
}
