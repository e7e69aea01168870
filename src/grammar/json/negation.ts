import { unsupported } from "../grammar-error.ts";
import type { Json } from "../../core/json-value.ts";
import { isArray, isObject } from "../../core/json-value.ts";
import { quoted } from "./schema-file.ts";
import type { Place, SchemaFile, SchemaNode } from "./schema-file.ts";
import { typeNames } from "./values.ts";

/**
 * The ways not to satisfy a schema: one for each keyword that can be broken.
 * @throws GrammarError for a keyword whose breach is no schema
 */
export function negated(file: SchemaFile, node: SchemaNode): (readonly SchemaNode[])[] {
  if (node === true) return [];
  if (node === false) return [[true]];
  const { schema, path } = node;
  return Object.entries(schema).flatMap(([keyword, value]) =>
    breaches(keyword, value, { node, file }).map((way) =>
      way.map((part) => (isPlace(part) ? part : file.node(part, `not ${path}`))),
    ),
  );
}

type Part = Json | Place;

const isPlace = (part: Part): part is Place =>
  isObject(part as Json) && Object.hasOwn(part as object, "schema") && Object.hasOwn(part as object, "path");

interface Context {
  readonly node: Place;
  readonly file: SchemaFile;
}

function breaches(keyword: string, value: Json, { node, file }: Context): Part[][] {
  const { schema, path } = node;
  const at = (part: Json, place: string): SchemaNode => file.node(part, `${path}/${place}`);
  switch (keyword) {
    case "type": {
      const types = [value].flat();
      // Numbers that are no integers are told apart by nothing here.
      if (types.includes("integer") && !types.includes("number")) break;
      return [[{ type: typeNames.filter((type) => type !== "integer" && !types.includes(type)) }]];
    }
    case "const":
    case "enum": {
      const values = keyword === "const" ? [value] : value;
      if (!isArray(values) || values.some((one) => typeof one === "number" || isObject(one) || isArray(one)))
        break;
      const others = typeNames.filter((type) => type !== "integer" && type !== "string");
      const strings = values.filter((one) => typeof one === "string");
      const plain = others.filter((type) => type !== "null" && type !== "boolean");
      const constants = [null, true, false].filter((one) => !values.includes(one));
      return [
        [{ type: plain }],
        ...(constants.length > 0 ? [[{ enum: constants }]] : []),
        [{ type: "string", "x-metropolis-other-than": strings }],
      ];
    }
    case "required":
      if (!isArray(value)) break;
      return value.map((name) => [{ type: "object", "x-metropolis-absent": [name] }]);
    case "properties":
      if (!isObject(value)) break;
      return Object.entries(value).flatMap(([name, part]) =>
        negated(file, at(part, `properties/${name}`)).map((way) => [
          { type: "object", required: [name], properties: { [name]: { allOf: way.map(plainOf) } } },
        ]),
      );
    case "minimum":
      return [[{ type: "number", exclusiveMaximum: value }]];
    case "maximum":
      return [[{ type: "number", exclusiveMinimum: value }]];
    case "exclusiveMinimum":
      return [[{ type: "number", maximum: value }]];
    case "exclusiveMaximum":
      return [[{ type: "number", minimum: value }]];
    case "minLength":
      return value === 0 ? [] : [[{ type: "string", maxLength: Number(value) - 1 }]];
    case "maxLength":
      return [[{ type: "string", minLength: Number(value) + 1 }]];
    case "minItems":
      return value === 0 ? [] : [[{ type: "array", maxItems: Number(value) - 1 }]];
    case "maxItems":
      return [[{ type: "array", minItems: Number(value) + 1 }]];
    case "anyOf":
      return allBroken(file, value, path);
    case "allOf":
      if (!isArray(value)) break;
      return value.flatMap((part, index) =>
        negated(file, at(part, `allOf/${index}`)).map((way) => way.map(plainOf)),
      );
    case "not":
      return [[plainOf(at(value, "not"))]];
    case "$ref":
      return negated(file, file.resolve(value, path)).map((way) => way.map(plainOf));
    case "then":
    case "else":
      if (schema.if === undefined) return [];
      break;
    case "title":
    case "description":
    case "$comment":
    case "default":
    case "examples":
    case "$defs":
    case "definitions":
      return [];
    default:
  }
  throw unsupported(`has ${quoted(keyword)} at ${path} under not, if or else, which is not supported`);
}

/** One breach of each at once. */
function allBroken(file: SchemaFile, value: Json, path: string): Part[][] {
  if (!isArray(value)) return [];
  let ways: Part[][] = [[]];
  for (const [index, part] of value.entries()) {
    const own = negated(file, file.node(part, `${path}/anyOf/${index}`));
    ways = ways.flatMap((way) => own.map((other) => [...way, ...other.map(plainOf)]));
    if (ways.length > 512)
      throw unsupported(`has anyOf at ${path} under not, which has too many combinations`);
  }
  return ways;
}

const plainOf = (node: SchemaNode): Json => (typeof node === "boolean" ? node : node.schema);
