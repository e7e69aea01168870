import type { FastifyReply, FastifyRequest } from "fastify";
import { InferenceError } from "../core/errors.ts";

/**
 * Aborts as soon as the client is gone or the time is up, streamed answer or not. Its reason is an InferenceError
 * that says which: `aborted` or `deadline_exceeded`.
 * @param timeoutMs 0 for no limit
 */
export function requestSignal(request: FastifyRequest, reply: FastifyReply, timeoutMs: number): AbortSignal {
  const controller = new AbortController();
  const deadline =
    timeoutMs === 0
      ? undefined
      : setTimeout(() => {
          controller.abort(
            new InferenceError(
              "deadline_exceeded",
              `The request took longer than this server allows (${timeoutMs / 1000} s). Ask for fewer tokens, steps or completions at once.`,
            ),
          );
        }, timeoutMs);
  const leave = (): void => {
    request.log.info("the client went away");
    controller.abort(new InferenceError("aborted", "The client went away."));
  };
  reply.raw.once("close", () => {
    clearTimeout(deadline);
    if (!reply.raw.writableFinished) leave();
  });
  if (request.raw.destroyed && !request.raw.complete) leave();
  return controller.signal;
}
