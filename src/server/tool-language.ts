import type { Json } from "../core/json-value.ts";
import { marksOf } from "../tools/tool-format.ts";
import type { ToolFormat } from "../tools/tool-format.ts";
import type { Constraint, Language } from "../grammar/constraint.ts";

/** A tool, as its calls are written. */
export interface CallableTool {
  readonly name: string;
  /** Of its arguments, and what the request calls it. */
  readonly schema: Json;
  readonly field: string;
  /** Whether arguments are held to the schema wherever it is called. */
  readonly isStrict: boolean;
}

/** What a request says of the calls that its answer makes. */
interface CallsWanted {
  readonly tools: readonly CallableTool[];
  /** How many there have to be at least: 0 leaves it to the model. */
  readonly least: 0 | 1;
  readonly areSeveral: boolean;
}

/** Calls, and how the model writes them. */
export interface CallForms {
  readonly format: ToolFormat;
  readonly calls: CallsWanted;
}

const text = (...options: readonly string[]): Language => ({ kind: "choice", options });
const sequence = (...parts: readonly Language[]): Language => ({ kind: "sequence", parts });

/**
 * What an answer that may call tools is held to; `undefined` where that is nothing: it may call some, whose arguments may
 * be anything.
 * @param said what an answer that calls none is held to, if anything
 */
export function constraintOfCalls(
  { format, calls: wanted }: CallForms,
  said: Constraint | undefined,
): Constraint | undefined {
  const { tools, least } = wanted;
  const field = least > 0 ? "tool_choice" : (said?.field ?? tools.find(({ isStrict }) => isStrict)?.field);
  if (field === undefined) return undefined;
  const calls = languageOfCalls(format, wanted);
  const marks = marksIn(format);
  if (least > 0) return { field, language: calls, marks };
  const language: Language =
    said === undefined ? mayCall(format, calls) : { kind: "either", options: [calls, said.language] };
  return { field, language, marks };
}

const marksIn = ({ before, between = "", after, call }: ToolFormat): string[] => [
  before,
  between,
  after,
  ...(call.type === "named" ? [call.separator, call.idSeparator ?? ""] : []),
];

/** Calls alone, as the model's chat template writes them. */
function languageOfCalls(format: ToolFormat, { tools, least, areSeveral }: CallsWanted): Language {
  const { before, between, after } = format;
  const call: Language = {
    kind: "either",
    options: tools.map((tool) => languageOfCall(format, tool, least)),
  };
  const more: Language[] =
    between === undefined || !areSeveral
      ? []
      : [{ kind: "repeat", of: sequence(text(between), call), least: 0 }];
  return sequence(text(before), call, ...more, text(after));
}

/** What is said, and calls or none. */
function mayCall(format: ToolFormat, calls: Language): Language {
  const { opening } = marksOf(format);
  // Where nothing announces calls, an answer that begins as JSON is one.
  if (opening === "") {
    const said: Language = { kind: "regex", pattern: String.raw`(\s*[^{\s][\s\S]*)?` };
    return { kind: "either", options: [calls, said] };
  }
  const said: Language = { kind: "text_without", texts: [opening] };
  return sequence(said, { kind: "either", options: [text(""), calls] });
}

function languageOfCall(
  { call }: ToolFormat,
  { name, schema, field, isStrict }: CallableTool,
  least: 0 | 1,
): Language {
  const given: Language =
    isStrict || least > 0 ? { kind: "json_schema", schema, isClosed: true, field } : { kind: "json_object" };
  if (call.type === "object")
    return sequence(text(`{"name": ${JSON.stringify(name)}, "${call.argumentsKey}": `), given, text("}"));
  const { idSeparator, separator } = call;
  if (idSeparator === undefined) return sequence(text(name + separator), given);
  const id: Language = { kind: "regex", pattern: "[a-zA-Z0-9]{9}" };
  return sequence(text(name + idSeparator), id, text(separator), given);
}
