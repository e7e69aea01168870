import { z } from "zod";
import { structuredOutputs } from "../server/schemas/structured.ts";

type StructuredOutputs = NonNullable<z.input<typeof structuredOutputs>>;

/** What an answer can be held to, as a form offers it: a field of structured_outputs. */
export interface ConstraintChoice {
  /** The request's field, as errors name it. */
  readonly field: `structured_outputs.${keyof StructuredOutputs}`;
  readonly label: string;
  /** What is to be written. */
  readonly meaning: string;
  /** What may be written; undefined where nothing is. */
  readonly example: string | undefined;
  /** What a request's structured_outputs says for what is written. The server reads it, and says what is wrong. */
  readonly read: (text: string) => StructuredOutputs;
}

/** One a line, since any other sign may stand in a text. */
const lines = (text: string): string[] => text.split(/\r?\n/).filter((line) => line !== "");

export const constraintChoices: readonly ConstraintChoice[] = [
  choice("json", "JSON schema", (text) => ({ json: text })),
  choice("json_object", "Any JSON object", () => ({ json_object: true })),
  choice("regex", "Regular expression", (text) => ({ regex: text })),
  choice("choice", "Texts, one a line", (text) => ({ choice: lines(text) })),
  choice("grammar", "Grammar", (text) => ({ grammar: text })),
];

function choice(
  name: keyof StructuredOutputs,
  label: string,
  read: ConstraintChoice["read"],
): ConstraintChoice {
  const { description, examples } = structuredOutputs.unwrap().unwrap().shape[name].meta()!;
  const [example] = examples as [unknown];
  return {
    field: `structured_outputs.${name}`,
    label,
    meaning: description!,
    example: written(example),
    read,
  };
}

/** A field's example as it is written into a form. */
function written(example: unknown): string | undefined {
  if (typeof example === "string") return example;
  if (Array.isArray(example)) return example.join("\n");
  return typeof example === "object" ? JSON.stringify(example) : undefined;
}
