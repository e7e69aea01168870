import { z } from "zod";

/** What is said of a field that a body has and its schema has not; errors gather them by it. */
export const unknownField = "is no field here";

/**
 * A strict object, but that null is nothing for unknown fields too: generated clients write down every field they know.
 * Parsing leaves these nulls in, of which the type says nothing; `dropNulls` takes them out.
 */
export const body = <Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> =>
  z.object(shape).catchall(z.null({ error: unknownField }));
