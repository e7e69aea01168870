import type { FastifyReply, FastifyRequest } from "fastify";
import { InferenceError } from "../core/errors.ts";

/** How long a request may run: until it is cancelled, or its time is up. The signal's reason says which. */
export class RequestLifetime implements Disposable {
  readonly #controller = new AbortController();
  readonly #deadline: NodeJS.Timeout | undefined;

  /** @param timeoutMs 0 for no limit */
  constructor(timeoutMs: number) {
    if (timeoutMs === 0) return;
    this.#deadline = setTimeout(() => {
      this.#controller.abort(
        new InferenceError(
          "deadline_exceeded",
          `The request took longer than this server allows (${timeoutMs / 1000} s). Ask for fewer tokens, steps or completions at once.`,
        ),
      );
    }, timeoutMs);
  }

  /** Its reason is an InferenceError: `aborted` or `deadline_exceeded`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @param reason what a client that still listens is told */
  cancel(reason: string): void {
    this.#controller.abort(new InferenceError("aborted", reason));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#deadline);
  }
}

/** Aborts as soon as the client is gone or the time is up, streamed answer or not. */
export function requestSignal(request: FastifyRequest, reply: FastifyReply, timeoutMs: number): AbortSignal {
  const lifetime = new RequestLifetime(timeoutMs);
  const leave = (): void => {
    request.log.info("the client went away");
    lifetime.cancel("The client went away.");
  };
  reply.raw.once("close", () => {
    lifetime[Symbol.dispose]();
    if (!reply.raw.writableFinished) leave();
  });
  // It may have left while its body was read, too.
  if ((request.raw.destroyed && !request.raw.complete) || request.raw.socket.destroyed) leave();
  return lifetime.signal;
}
