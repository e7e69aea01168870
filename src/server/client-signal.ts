import type { FastifyReply, FastifyRequest } from "fastify";

/** Aborts as soon as the client is gone, streamed answer or not. */
export function clientSignal(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) {
      request.log.info("the client went away");
      controller.abort();
    }
  });
  if (request.raw.destroyed && !request.raw.complete) controller.abort();
  return controller.signal;
}
