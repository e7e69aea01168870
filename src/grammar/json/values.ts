import { GrammarError } from "../grammar-error.ts";
import { isArray, isObject } from "../../core/json-value.ts";
import type { Json } from "../../core/json-value.ts";
import { quoted } from "./schema-file.ts";
import type { Place } from "./schema-file.ts";

export const typeNames = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
export type TypeName = (typeof typeNames)[number];

/** Types that all of some schemas allow; numbers without integers are not told apart: `integer` goes where `number` is. */
export function typesOf(places: readonly Place[]): ReadonlySet<TypeName> {
  let types = new Set<TypeName>(typeNames.filter((type) => type !== "integer"));
  for (const { schema, path } of places) {
    if (schema.type === undefined) continue;
    const own = new Set([schema.type].flat().map((name) => typeOf(name, path)));
    if (own.has("number")) own.delete("integer");
    const meet = (type: TypeName): readonly TypeName[] => {
      if (own.has(type)) return [type];
      if (type === "number" && own.has("integer")) return ["integer"];
      return type === "integer" && own.has("number") ? ["integer"] : [];
    };
    types = new Set([...types].flatMap(meet));
  }
  return types;
}

function typeOf(name: Json, path: string): TypeName {
  const known = typeNames.find((type) => type === name);
  if (known === undefined)
    throw new GrammarError(
      `has type ${quoted(JSON.stringify(name))} at ${path}: one of ${typeNames.join(", ")}`,
    );
  return known;
}

/** Values that enum and const of all of some schemas list; `undefined` where none does. */
export function valuesOf(places: readonly Place[]): readonly Json[] | undefined {
  let values: Map<string, Json> | undefined;
  for (const { schema, path } of places) {
    const lists: (readonly Json[])[] = [];
    if (schema.const !== undefined) lists.push([schema.const]);
    if (schema.enum !== undefined) {
      if (!isArray(schema.enum)) throw new GrammarError(`has enum at ${path} that is no list`);
      lists.push(schema.enum);
    }
    for (const list of lists) {
      const own = new Map(list.map((value) => [keyOf(value), value]));
      const before = values;
      values = before === undefined ? own : new Map([...own].filter(([key]) => before.has(key)));
    }
  }
  return values === undefined ? undefined : [...values.values()];
}

/** The same for values that JSON Schema takes for equal. */
export function keyOf(value: Json): string {
  if (isArray(value)) return `[${value.map(keyOf).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${keyOf(value[name]!)}`);
  return `{${members.join()}}`;
}
