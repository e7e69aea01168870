import type { RequestListener, Server, ServerOptions } from "node:http";
import type { Connections } from "./connections.ts";
import type { RunningAnswers } from "./running-answers.ts";

/** What is heard on the first server for all of them. */
const forwarded = ["clientError", "connect", "checkExpectation"] as const;

/**
 * Makes the servers of an app, of which there are two where a name has two addresses: Fastify listens to the upgrades
 * of both, and to nothing else of the second.
 */
export function httpServers(
  connections: Connections,
  answers: RunningAnswers,
  options: ServerOptions,
): (handler: RequestListener) => Server {
  let first: Server | undefined;
  return (handler) => {
    const server = connections.createServer(handler, options);
    answers.follow(server);
    const main = (first ??= server);
    if (server === main) return server;
    for (const event of forwarded) server.on(event, (...args: unknown[]) => main.emit(event, ...args));
    return server;
  };
}
