import { Option } from "commander";
import { ClientError } from "../client/client.ts";
import type { CompleteRequest } from "../client/client.ts";
import { InferenceError } from "../core/errors.ts";
import { readText } from "./text-file.ts";

type Constraint = Pick<CompleteRequest, "structured_outputs">;

/** What an answer is to be held to, as the options say it. */
export interface ConstraintSettings {
  readonly jsonSchema?: string;
  readonly regex?: string;
  readonly choice?: string[];
  readonly grammar?: string;
}

/** The fields of structured_outputs, and the options that fill them. */
const flags = { json: "--json-schema", regex: "--regex", choice: "--choice", grammar: "--grammar" } as const;

export const constraintOptions = (): readonly Option[] => [
  new Option(`${flags.json} <file|schema>`, "hold the answer to JSON that a schema allows"),
  new Option(`${flags.regex} <pattern>`, "hold the answer to what a regular expression matches as a whole"),
  new Option(`${flags.choice} <text>`, "hold the answer to one of some texts; given once for each").argParser(
    (text, former: readonly string[] | undefined) => [...(former ?? []), text],
  ),
  new Option(
    `${flags.grammar} <file|grammar>`,
    "hold the answer to a grammar in EBNF, which begins with the rule root",
  ),
];

/**
 * The request's fields for the options. Whether several go together, and what they mean, is the server's to say.
 * @throws InferenceError naming the option whose file cannot be read, or has no JSON
 */
export async function readConstraint({
  jsonSchema,
  regex,
  choice,
  grammar,
}: ConstraintSettings): Promise<Constraint> {
  if ([jsonSchema, regex, choice, grammar].every((given) => given === undefined)) return {};
  return {
    structured_outputs: {
      json: jsonSchema === undefined ? undefined : await readSchema(jsonSchema),
      regex,
      choice,
      grammar:
        grammar === undefined || grammar.includes("::=") ? grammar : await readText(grammar, flags.grammar),
    },
  };
}

async function readSchema(given: string): Promise<string> {
  const isSchema = given.trimStart().startsWith("{");
  const text = isSchema ? given : await readText(given, flags.json);
  try {
    JSON.parse(text);
    return text;
  } catch (cause) {
    const what = isSchema ? "the schema" : given;
    throw new InferenceError(
      "invalid_request",
      `${flags.json}: ${what} is no JSON: ${(cause as Error).message}. Give a JSON schema, or a file that has one.`,
      { cause },
    );
  }
}

/** What the server refused, by the options that its fields came from. */
export function byOptions(error: unknown): unknown {
  if (!(error instanceof ClientError)) return error;
  const { code, message, param = null } = error;
  const told = message.replace(
    /\bstructured_outputs\.(json|regex|choice|grammar)\b/g,
    (_, field: keyof typeof flags) => flags[field],
  );
  return new ClientError(code, told, { param, cause: error });
}
