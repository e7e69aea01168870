import type { FastifyPluginCallback } from "fastify";
import { z } from "zod";
import type { Connections } from "../connections.ts";
import { refusal } from "../errors.ts";
import { failuresOfUpgrades } from "../failures.ts";
import { foreignOrigin } from "../origins.ts";
import type { OriginRules } from "../origins.ts";
import { watchPath } from "../watch/protocol.ts";
import type { WatchSockets } from "../watch/watch-sockets.ts";
import type { RouteContext } from "./context.ts";

export interface WatchOptions {
  readonly sockets: WatchSockets;
  readonly connections: Connections;
  readonly pingIntervalMs: number;
  readonly origins: OriginRules;
}

/** GET /v1/completions/ws: completions over a WebSocket, watched as they come to be. */
export function watchRoutes(
  context: RouteContext,
  { sockets, connections, pingIntervalMs, origins }: WatchOptions,
): FastifyPluginCallback {
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: watchPath,
      exposeHeadRoute: false,
      schema: {
        summary: "Watch completions as they come to be, over a WebSocket",
        description:
          "Connect with ws:// or wss://. What is sent is the body of POST /v1/completions with an `id`; what comes back tells the tokens, and of a chain block by block each proposal, decision and revision, and at the end what POST would have answered. docs/api.md has the messages.",
        tags: ["generation"],
        response: {
          101: z.null().describe("The connection speaks WebSocket from here on."),
          ...failuresOfUpgrades,
        },
      },
      onRequest: (request, _reply, next) => {
        next(foreignOrigin(request, origins));
      },
      handler: (_request, reply) => {
        void reply.headers({ upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" });
        throw refusal(
          "upgradeRequired",
          `${watchPath} speaks WebSocket: connect with ws:// or wss://. docs/api.md shows the messages.`,
        );
      },
      wsHandler: (socket, request) => {
        sockets.open(socket, { context, request, pingIntervalMs, connections });
      },
    });
    done();
  };
}
