import type { FastifyInstance } from "fastify";
import { Counter } from "prom-client";

/** As our errors have what a client did not wait for. */
const closedByClient = "499";

/**
 * Counts every request from now on, by the route that took it and the status that it was answered with: to be called
 * before any hook that may refuse one.
 * @returns the counter, in no registry yet
 */
export function countHttpRequests(app: FastifyInstance): Counter {
  const counted = new Counter({
    name: "metropolis_http_requests_total",
    help: "HTTP requests answered. Route none: no path of ours. Status 499: the client left before any; 101: a WebSocket that has ended.",
    labelNames: ["route", "status"],
    registers: [],
  });
  app.addHook("onRequest", (request, reply, next) => {
    // Not by a path that a client made up: each would be a time series.
    const route = request.is404 ? "none" : request.routeOptions.url!;
    reply.raw.once("close", () => {
      const unanswered = request.ws ? "101" : closedByClient;
      counted.inc({ route, status: reply.raw.headersSent ? String(reply.raw.statusCode) : unanswered });
    });
    next();
  });
  return counted;
}
