import { z } from "zod";

/** A field with what openapi.yaml says of it. */
export const described = <Schema extends z.ZodType>(
  schema: Schema,
  description: string,
  ...examples: unknown[]
): Schema => schema.meta({ description, ...(examples.length === 0 ? {} : { examples }) } as never);

/** An integer that counts something. */
export const count = (description: string, example: number) =>
  described(z.number().int(), description, example);
