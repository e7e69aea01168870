import { ClientError } from "../client/client.ts";
import { InferenceError } from "../core/errors.ts";

/** What the user can mend is said in a line: refusals, and files that cannot be used. Only bugs show their stack. */
export const isMendable = (error: unknown): error is Error =>
  error instanceof InferenceError ||
  error instanceof ClientError ||
  (error instanceof Error && "errno" in error && ("path" in error || isDiskFull(error)));

/** Where a file that is open cannot be written to, its path is not told. */
const isDiskFull = (error: Error): boolean =>
  "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
