/** TypeScript of JSON Schema, as far as zod writes it. What it has no word for is refused, not left out. */

export interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
}

/** Keywords that say more of a value than a type can. */
const beyondTypes = [
  "$schema",
  "default",
  "examples",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "id",
  "maximum",
  "maxItems",
  "maxLength",
  "minimum",
  "minItems",
  "minLength",
  "pattern",
  "propertyNames",
  "title",
];
const typed = [
  "$ref",
  "description",
  "type",
  "const",
  "enum",
  "anyOf",
  "oneOf",
  "properties",
  "required",
  "additionalProperties",
  "items",
];

/** Each named schema as an exported type. @throws Error naming a keyword that is not known here */
export const writeTypes = (schemas: Readonly<Record<string, Schema>>): string =>
  Object.entries(schemas)
    .map(([name, schema]) => `${comment(schema, "")}export type ${name} = ${typeOf(schema, "")};\n`)
    .join("\n");

function typeOf(schema: Schema, indent: string): string {
  const unknown = Object.keys(schema).find((word) => !typed.includes(word) && !beyondTypes.includes(word));
  if (unknown !== undefined)
    throw new Error(`No type is known for '${unknown}' in ${JSON.stringify(schema)}.`);
  const { $ref, const: only, enum: values, anyOf, oneOf = anyOf, type, items } = schema;
  if ($ref !== undefined) return $ref.split("/").at(-1)!;
  if (only !== undefined) return JSON.stringify(only);
  if (values !== undefined) return union(values.map((value) => JSON.stringify(value)));
  if (oneOf !== undefined) return union(oneOf.map((each) => typeOf(each, indent)));
  if (type === undefined) return "unknown";
  if (typeof type !== "string") return union(type.map((each) => typeOf({ ...schema, type: each }, indent)));
  if (type === "array") return `${bracketed(items === undefined ? "unknown" : typeOf(items, indent))}[]`;
  if (type === "object") return objectOf(schema, indent);
  return type === "integer" ? "number" : type;
}

/** A field is there, or is not: one that is undefined is none in JSON, and may be written down all the same. */
function objectOf({ properties = {}, required = [], additionalProperties }: Schema, indent: string): string {
  const deeper = `${indent}  `;
  const fields = Object.entries(properties).map(([name, field]) => {
    const key = /^\w+$/.test(name) ? name : JSON.stringify(name);
    const type = typeOf(field, deeper);
    return `${comment(field, deeper)}${deeper}${key}${required.includes(name) ? `: ${type}` : `?: ${type} | undefined`};\n`;
  });
  if (fields.length > 0) return `{\n${fields.join("")}${indent}}`;
  // A body's further fields may be null alone, and its type says nothing of them; here they are all there is.
  if (additionalProperties === undefined) return "object";
  return `Record<string, ${typeof additionalProperties === "object" ? typeOf(additionalProperties, indent) : "unknown"}>`;
}

function comment({ description }: Schema, indent: string): string {
  return description === undefined ? "" : `${indent}/** ${description.replaceAll("*/", "*\\/")} */\n`;
}

const union = (types: readonly string[]): string => [...new Set(types)].join(" | ");
const bracketed = (type: string): string => (type.includes(" | ") ? `(${type})` : type);
