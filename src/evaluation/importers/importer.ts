import { prettifyError, z } from "zod";
import { InferenceError } from "../../core/errors.ts";

export interface ParseOptions {
  /** Of the file, for errors. */
  readonly name: string;
  /** Puts options in order, where the file has none. */
  readonly seed: number;
}

export interface ImportOptions {
  /** Of the file, for errors. */
  readonly name: string;
  /** Questions as conversations, for models with a chat template, rather than as text to be continued. */
  readonly asChat: boolean;
}

/** A field that files may leave out, or have as null. */
export const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema
    .nullish()
    .transform(
      (value: z.output<Schema> | null | undefined): z.output<Schema> | undefined => value ?? undefined,
    );

/** Text that some files have as a number. */
export const textOrNumber = z.union([z.string().min(1), z.number().transform(String)]);

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

/** How to answer with a number. */
export const reasonToNumber = "Reason step by step, and end with the answer as a number.";
