import { ClientError } from "../client/client.ts";
import { InferenceError } from "../core/errors.ts";
import { isOutOfRoom } from "../files/file-fault.ts";

/** What the user can mend is said in a line: refusals, and files that cannot be used. Only bugs show their stack. */
export const isMendable = (error: unknown): error is Error =>
  error instanceof InferenceError ||
  error instanceof ClientError ||
  (error instanceof Error && "errno" in error && ("path" in error || isOutOfRoom(error)));
