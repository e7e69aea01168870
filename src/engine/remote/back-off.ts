import { InferenceError, cancelled } from "../../core/errors.ts";
import { pause } from "../../core/pause.ts";
import { uniform } from "../../core/random.ts";
import { RemoteError } from "./remote-error.ts";

const firstMs = 100;
const longestMs = 10_000;

/**
 * A call that a server fails at although it answers others is asked so many times: it would else be asked for ever.
 */
const mostOwnErrors = 4;

/**
 * Waits between the attempts at one piece of work, for as long as its signal lets it: twice as long each time, by a
 * factor of a half to one that differs between those that wait, and no less than the server asks for.
 */
export class BackOff {
  readonly #seed: number;
  #attempts = 0;
  #ownErrors = 0;

  /** @param seed tells apart those that wait at once */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /**
   * Resolves when it may be tried again.
   * @throws what it was given, as callers are told of it, where another attempt is of no use; `aborted` once the signal is
   */
  async wait(error: unknown, signal: AbortSignal): Promise<void> {
    if (!(error instanceof RemoteError)) throw error;
    if (!error.retryable) throw toInferenceError(error);
    if (error.status === 500 && ++this.#ownErrors >= mostOwnErrors) throw toInferenceError(error);
    const u = uniform({ seed: this.#seed, choice: 0, stage: 0, step: this.#attempts }, "call");
    const ms = Math.min(longestMs, firstMs * 2 ** this.#attempts++) * (0.5 + u / 2);
    await pause(Math.max(ms, error.retryAfterMs ?? 0), signal).catch(() => {
      throw cancelled();
    });
  }
}

/**
 * What callers are told of a server's error. A refusal of one call leaves others alone; one of all (a key, a path, an
 * answer that is none) is the engine's end.
 */
export function toInferenceError(error: RemoteError): InferenceError {
  const { message, status } = error;
  const details = { cause: error };
  if (status === 500)
    return new InferenceError("internal", `The server that runs the model failed. ${message}`, details);
  return new InferenceError(error.isOfCall ? "invalid_request" : "engine_failed", message, details);
}
