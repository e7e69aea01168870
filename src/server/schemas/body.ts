import { z } from "zod";
import { setHere } from "./foreign-names.ts";

/** What is said of a field that a body has and its schema has not; errors gather them by it. */
const unknownField = "is no field here";

/** Between that and what sets the same here. */
const mark = ": ";

/**
 * A strict object, but that null is nothing for unknown fields too: generated clients write down every field they know.
 * Parsing leaves these nulls in, of which the type says nothing; `dropNulls` takes them out.
 */
export const body = <Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> =>
  z.object(shape).catchall(
    z.null({
      error: ({ path = [], input }) => {
        const ours = setHere(String(path.at(-1)), input, shape);
        return ours.length === 0 ? unknownField : unknownField + mark + ours.join(", ");
      },
    }),
  );

/**
 * What sets here what the unknown field sets elsewhere, in words.
 * @param message of the issue
 * @returns empty where nothing does; undefined where the issue is about a known field
 */
export function readUnknown(message: string | undefined): string | undefined {
  if (message === unknownField) return "";
  return message?.startsWith(unknownField + mark) === true
    ? message.slice(unknownField.length + mark.length)
    : undefined;
}
