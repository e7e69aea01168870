import { z } from "zod";
import { errorCodes } from "../../core/errors.ts";
import { described } from "../../samplers/described.ts";

const error = z.object({
  message: described(z.string(), "What is wrong and what to do about it.", "temperature must be at least 0."),
  type: described(z.string(), "OpenAI's class of error.", "invalid_request_error", "rate_limit_error"),
  param: described(z.string().nullable(), "The field at fault.", "temperature"),
  code: described(z.string().nullable(), `One of ${errorCodes.join(", ")}.`, "invalid_request"),
});

export const errorResponse = z
  .object({
    error: described(error, "What went wrong.", {
      message: "temperature must be at least 0.",
      type: "invalid_request_error",
      param: "temperature",
      code: "invalid_request",
    }),
  })
  .meta({ id: "ErrorResponse" });

export type ErrorResponse = z.output<typeof errorResponse>;
