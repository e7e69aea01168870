import type { Expression } from "../expression.ts";
import { GrammarError } from "../grammar-error.ts";
import type { NumberBound } from "./json-number.ts";
import type { SchemaReader } from "./schema-reader.ts";
import type { Json } from "../../core/json-value.ts";
import type { Place } from "./schema-file.ts";

/** Numbers that all of some schemas allow. */
export function numberOf(
  { text, numbers }: SchemaReader,
  places: readonly Place[],
  type: "integer" | "number",
  values: readonly Json[] | undefined,
): Expression {
  const { make } = text;
  const asked = [
    ...boundsOf(places, "minimum", "exclusiveMinimum").map((bound) => numbers.atLeast(bound)),
    ...boundsOf(places, "maximum", "exclusiveMaximum").map((bound) => numbers.atMost(bound)),
    ...numbersOf(places, "multipleOf").map((value) => numbers.multipleOf(value)),
  ];
  const listed = values && make.choice(...values.map((value) => text.literal(value)));
  if (asked.length === 0) return listed ?? (type === "integer" ? text.integer : text.number);
  const plain = type === "integer" ? numbers.plainInteger : numbers.plain;
  return asked.reduce((all, some) => make.both(all, some), listed ?? plain);
}

function boundsOf(
  places: readonly Place[],
  inclusive: "minimum" | "maximum",
  exclusive: "exclusiveMinimum" | "exclusiveMaximum",
): readonly NumberBound[] {
  return [
    ...numbersOf(places, inclusive).map((value) => ({ value, isExclusive: false })),
    ...numbersOf(places, exclusive).map((value) => ({ value, isExclusive: true })),
  ];
}

function numbersOf(places: readonly Place[], keyword: string): readonly number[] {
  return places.flatMap(({ schema, path }) => {
    const value = schema[keyword];
    if (value === undefined) return [];
    if (typeof value !== "number" || (keyword === "multipleOf" && value <= 0))
      throw new GrammarError(
        `has ${keyword} at ${path} that is no ${keyword === "multipleOf" ? "positive " : ""}number`,
      );
    return [value];
  });
}
