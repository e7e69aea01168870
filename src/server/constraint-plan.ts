import { beyondEngine } from "../core/errors.ts";
import type { ModelInfo } from "../decoder/completer.ts";
import type { Constraint, Language } from "../grammar/constraint.ts";
import type { Json } from "../core/json-value.ts";
import type { Given } from "./given.ts";
import type { FieldNames } from "./field-names.ts";
import { invalid } from "./invalid.ts";
import { JsonScan } from "./json-scan.ts";
import type { GenerationFields } from "./schemas/fields.ts";
import { constraintOfCalls } from "./tool-language.ts";
import type { ToolPlan } from "./tool-plan.ts";

type ConstraintBody = Given<
  Pick<
    GenerationFields,
    | "response_format"
    | "structured_outputs"
    | "guided_json"
    | "guided_regex"
    | "guided_choice"
    | "guided_grammar"
    | "ignore_eos"
    | "min_tokens"
  >
>;

export interface ConstraintPlan {
  readonly constraint: Constraint | undefined;
  /** Fields that hold nothing, by name: an answer that has to call a tool is its calls alone. */
  readonly ignored: readonly string[];
}

/**
 * What a body holds its completions to.
 * @throws InferenceError where it says so twice, where what it says goes with nothing, `unsupported` where the engine
 *   that runs the model cannot; Refusal where a schema that is given as text is too much
 */
export async function planConstraint(
  body: ConstraintBody,
  { tools, names }: { readonly tools?: ToolPlan | undefined; readonly names: FieldNames },
  { capabilities }: ModelInfo,
): Promise<ConstraintPlan> {
  const [said, other] = await constraintsOf(body, names);
  if (said !== undefined && other !== undefined)
    throw invalid(
      other.field,
      `${said.field} and ${other.field} cannot both hold the answer to something. Send one of them.`,
    );
  const constraint = tools === undefined ? said : constraintOfCalls(tools, said);
  if (constraint === undefined) return { constraint, ignored: [] };
  const { field } = constraint;
  if (!capabilities.constraints) throw beyondEngine(field, "hold completions to a constraint");
  if (body.ignore_eos === true)
    throw invalid(
      "ignore_eos",
      `ignore_eos has no meaning together with ${field}, whose end is an end token. Leave it out.`,
    );
  if ((body.min_tokens ?? 0) > 0)
    throw invalid(
      "min_tokens",
      `min_tokens cannot be held together with ${field}, which says where an answer may end. Leave it out.`,
    );
  const isUnheard = said !== undefined && (tools?.calls.least ?? 0) > 0;
  return { constraint, ignored: isUnheard ? [said.field] : [] };
}

async function constraintsOf(body: ConstraintBody, names: FieldNames): Promise<readonly Constraint[]> {
  const { response_format: format, structured_outputs: structured } = body;
  const constraints: Constraint[] = [];
  const add = (field: string, language: Language | undefined): void => {
    if (language !== undefined) constraints.push({ field, language });
  };
  if (format?.type === "json_object")
    add(names.format, (await schemaOf(names.format, format.schema, true)) ?? { kind: "json_object" });
  if (format?.type === "json_schema") {
    const { schema, strict } = format.json_schema;
    add(names.schema, { kind: "json_schema", schema, isClosed: strict !== false });
  }
  const isClosed = structured?.disable_additional_properties !== false;
  add("structured_outputs.json", await schemaOf("structured_outputs.json", structured?.json, isClosed));
  add("structured_outputs.regex", regexOf(structured?.regex));
  add("structured_outputs.choice", choiceOf(structured?.choice));
  add("structured_outputs.grammar", grammarOf(structured?.grammar));
  add(
    "structured_outputs.json_object",
    structured?.json_object === true ? { kind: "json_object" } : undefined,
  );
  add("guided_json", await schemaOf("guided_json", body.guided_json, true));
  add("guided_regex", regexOf(body.guided_regex));
  add("guided_choice", choiceOf(body.guided_choice));
  add("guided_grammar", grammarOf(body.guided_grammar));
  if (structured !== undefined && !constraints.some(({ field }) => field.startsWith("structured_outputs.")))
    throw invalid(
      "structured_outputs",
      "structured_outputs says nothing: give one of json, regex, choice, grammar, json_object, or leave it out.",
    );
  return constraints;
}

type Given1<Value> = Value | null | undefined;

const regexOf = (pattern: Given1<string>): Language | undefined =>
  typeof pattern === "string" ? { kind: "regex", pattern } : undefined;

const choiceOf = (options: Given1<readonly string[]>): Language | undefined =>
  options === null || options === undefined ? undefined : { kind: "choice", options };

const grammarOf = (grammar: Given1<string>): Language | undefined =>
  typeof grammar === "string" ? { kind: "grammar", grammar } : undefined;

async function schemaOf(
  field: string,
  given: Given1<Json>,
  isClosed: boolean,
): Promise<Language | undefined> {
  if (given === null || given === undefined) return undefined;
  return {
    kind: "json_schema",
    schema: typeof given === "string" ? await parseSchema(field, given) : given,
    isClosed,
  };
}

/** @throws InferenceError naming the field where its text is no schema; Refusal where it is too much, or too deep */
async function parseSchema(field: string, text: string): Promise<Json> {
  await new JsonScan().scan(Buffer.from(text), `text of ${field}`, field);
  let fault = "";
  try {
    const schema: unknown = JSON.parse(text);
    if (typeof schema === "boolean" || (typeof schema === "object" && schema !== null)) return schema as Json;
  } catch (error) {
    fault = ` (${(error as Error).message})`;
  }
  throw invalid(
    field,
    `${field} is a text that is no JSON schema${fault}. Send an object, true or false, or the text of one.`,
  );
}
