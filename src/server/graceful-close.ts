import type { FastifyInstance } from "fastify";

const checkIntervalMs = 50;

/**
 * Prepares an app for a close that waits for running requests and for nothing else: kept-alive connections, and
 * those on which no request ever came, would hold the server open.
 */
export function prepareGracefulClose(app: FastifyInstance): () => Promise<void> {
  let running = 0;
  app.server.on("request", (_request, response) => {
    running++;
    response.once("close", () => {
      running--;
    });
  });
  return async () => {
    const timer = setInterval(() => {
      if (running === 0) app.server.closeAllConnections();
      else app.server.closeIdleConnections();
    }, checkIntervalMs);
    try {
      await app.close();
    } finally {
      clearInterval(timer);
    }
  };
}
