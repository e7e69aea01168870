import type { z } from "zod";

/** A field with what openapi.yaml says of it. */
export const described = <Schema extends z.ZodType>(
  schema: Schema,
  description: string,
  ...examples: unknown[]
): Schema => schema.meta({ description, examples } as never);
