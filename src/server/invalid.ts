import { InferenceError } from "../core/errors.ts";

/** A field that says what cannot be. */
export const invalid = (param: string, message: string): InferenceError =>
  new InferenceError("invalid_request", message, { param });
