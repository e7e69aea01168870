import { allCharacters, literals } from "../characters.ts";
import type { Expression } from "../expression.ts";
import { GrammarError, unsupported } from "../grammar-error.ts";
import { regularExpression } from "../regular-expression.ts";
import { countOf } from "./counts.ts";
import { formatNames, patternOfFormat } from "./formats.ts";
import type { SchemaReader } from "./schema-reader.ts";
import { isArray } from "../../core/json-value.ts";
import type { Json } from "../../core/json-value.ts";
import { quoted } from "./schema-file.ts";
import type { Place } from "./schema-file.ts";

/** Strings that all of some schemas allow. */
export function stringOf(
  { text }: SchemaReader,
  places: readonly Place[],
  values: readonly Json[] | undefined,
): Expression {
  const { make } = text;
  const strings = values?.filter((value) => typeof value === "string");
  const patterns = places.flatMap(patternsOf);
  const others = places.flatMap(otherThan);
  const least = Math.max(0, ...countOf(places, "minLength"));
  const most = Math.min(Infinity, ...countOf(places, "maxLength"));
  const isBounded = least > 0 || most < Infinity;
  if (patterns.length === 0 && others.length === 0 && !isBounded)
    return strings === undefined ? text.string : text.strings(strings);
  // What a pattern or a value says of a character holds for it as it is spelled one way.
  const isSpelled = patterns.length > 0 || others.length > 0 || strings !== undefined;
  const character = isSpelled ? text.spelled(allCharacters) : text.character;
  let body = make.repeat(character, least, most);
  for (const pattern of patterns)
    body = make.both(body, regularExpression(pattern, { make, spell: text.spelled, isSearch: true }));
  body = make.without(body, literals(make, others, text.spelled));
  return strings === undefined
    ? text.quoted(body)
    : text.quoted(make.both(body, literals(make, strings, text.spelled)));
}

function patternsOf({ schema, path }: Place): readonly string[] {
  const { pattern, format } = schema;
  const patterns: string[] = [];
  if (pattern !== undefined) {
    if (typeof pattern !== "string") throw new GrammarError(`has pattern at ${path} that is no text`);
    patterns.push(pattern);
  }
  if (format !== undefined) {
    const known = typeof format === "string" ? patternOfFormat(format) : undefined;
    if (known === undefined)
      throw unsupported(
        `has format ${quoted(JSON.stringify(format))} at ${path}, which is not supported: one of ${formatNames.join(", ")}`,
      );
    patterns.push(known);
  }
  return patterns;
}

/** What a negated enum leaves out. */
function otherThan({ schema }: Place): readonly string[] {
  const values = schema["x-metropolis-other-than"];
  return isArray(values) ? values.filter((value) => typeof value === "string") : [];
}
