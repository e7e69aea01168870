import { z } from "zod";

export const errorResponse = z
  .object({
    error: z.object({
      message: z.string().meta({ description: "What is wrong and what to do about it." }),
      type: z.string(),
      param: z.string().nullable().meta({ description: "The field at fault." }),
      code: z.string().nullable(),
    }),
  })
  .meta({ id: "ErrorResponse" });

export type ErrorResponse = z.output<typeof errorResponse>;
