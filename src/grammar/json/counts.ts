import { GrammarError } from "../grammar-error.ts";
import type { Place } from "./schema-file.ts";

/** What some schemas say by a keyword that counts. @throws GrammarError where it is no whole number */
export function countOf(places: readonly Place[], keyword: string): readonly number[] {
  return places.flatMap(({ schema, path }) => {
    const value = schema[keyword];
    if (value === undefined) return [];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
      throw new GrammarError(`has ${keyword} at ${path} that is no whole number from 0 on`);
    return [value];
  });
}
