import type { FastifyInstance } from "fastify";
import { shuttingDown } from "../core/errors.ts";
import type { Completer } from "../decoder/completer.ts";

const checkIntervalMs = 50;

/** How long completions may take to end with what they have come to, ms; then they are failed. */
const endingMs = 400;
/** When connections are cut whose clients do not read their answers, ms after that. */
const readingMs = 300;

/** Most time that a close takes beyond its timeout, ms. */
export const closeMarginMs = 1000;

/** Answers requests that come on open connections while the app closes; Fastify's own words are not OpenAI's. */
export function refuseWhileClosing(app: FastifyInstance): void {
  let isClosing = false;
  app.addHook("preClose", (done) => {
    isClosing = true;
    done();
  });
  app.addHook("onRequest", (_request, _reply, done) => {
    if (isClosing) done(shuttingDown());
    else done();
  });
}

/**
 * Prepares an app for a close that waits for running requests and for nothing else: kept-alive connections, and
 * those on which no request ever came, would hold the server open.
 * @returns closes the app. What runs may go on for `timeoutMs`; then completions end early, and whatever is left fails
 *   and is cut off, all within `closeMarginMs`
 */
export function prepareGracefulClose(
  app: FastifyInstance,
  completer: Completer,
): (timeoutMs: number) => Promise<void> {
  let running = 0;
  app.server.on("request", (_request, response) => {
    running++;
    response.once("close", () => {
      running--;
    });
  });
  return async (timeoutMs) => {
    const after = (ms: number, act: () => void): NodeJS.Timeout => setTimeout(act, timeoutMs + ms);
    const timers = [
      setInterval(() => {
        if (running === 0) app.server.closeAllConnections();
        else app.server.closeIdleConnections();
      }, checkIntervalMs),
      after(0, () => {
        completer.endEarly();
      }),
      after(endingMs, () => void completer[Symbol.asyncDispose]()),
      after(endingMs + readingMs, () => {
        app.server.closeAllConnections();
      }),
    ];
    try {
      await app.close();
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  };
}
