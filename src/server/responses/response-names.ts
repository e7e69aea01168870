import type { FieldNames, IgnoredName } from "../field-names.ts";
import { logprobsIncluded } from "../schemas/responses/request.ts";

const ignoredHere: Readonly<Partial<Record<IgnoredName, string>>> = {
  reasoning_effort: "reasoning",
  verbosity: "text.verbosity",
};

/** Of /v1/responses. */
export const responseNames: FieldNames = {
  prompt: "input",
  length: "max_output_tokens",
  logprobs: `include: ["${logprobsIncluded}"]`,
  alternatives: "top_logprobs",
  format: "text.format",
  schema: "text.format.schema",
  tool: (index, part) => `tools.${index}.${part}`,
  ignored: (name) => ignoredHere[name] ?? name,
};
