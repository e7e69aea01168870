import type { Json } from "../../core/json-value.ts";

/** Say something of a schema to its readers, and nothing of the values. */
const annotations = new Set([
  "$schema",
  "$id",
  "$anchor",
  "$comment",
  "$defs",
  "$vocabulary",
  "definitions",
  "title",
  "description",
  "default",
  "examples",
  "example",
  "deprecated",
  "readOnly",
  "writeOnly",
  "contentEncoding",
  "contentMediaType",
  "contentSchema",
  // OpenAPI's: oneOf says the same, and is what counts.
  "discriminator",
]);

const kept = new Set([
  "$ref",
  "allOf",
  "anyOf",
  "oneOf",
  "not",
  "if",
  "then",
  "else",
  "dependentRequired",
  "dependentSchemas",
  "type",
  "enum",
  "const",
  "minLength",
  "maxLength",
  "pattern",
  "format",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "items",
  "prefixItems",
  "minItems",
  "maxItems",
  "uniqueItems",
  "contains",
  "minContains",
  "maxContains",
  "properties",
  "patternProperties",
  "additionalProperties",
  "propertyNames",
  "required",
  "minProperties",
  "maxProperties",
]);

/** The first keyword of a schema that nothing here keeps to. */
export const foreignKeyword = (schema: Readonly<Record<string, Json>>): string | undefined =>
  Object.keys(schema).find((name) => !kept.has(name) && !annotations.has(name) && !name.startsWith("x-"));
