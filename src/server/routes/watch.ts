import type { FastifyPluginCallback, FastifyRequest } from "fastify";
import type { InferenceError } from "../../core/errors.ts";
import { refusal } from "../errors.ts";
import { watchPath } from "../watch/messages.ts";
import type { WatchSockets } from "../watch/watch-sockets.ts";
import type { RouteContext } from "./context.ts";

export interface WatchOptions {
  readonly sockets: WatchSockets;
  readonly pingIntervalMs: number;
  /** Origins whose pages may connect, beside the server's own; `*` for all. */
  readonly corsOrigins: readonly string[];
}

/** GET /v1/completions/ws: completions over a WebSocket, watched as they come to be. */
export function watchRoutes(
  context: RouteContext,
  { sockets, pingIntervalMs, corsOrigins }: WatchOptions,
): FastifyPluginCallback {
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: watchPath,
      exposeHeadRoute: false,
      schema: { hide: true },
      onRequest: (request, _reply, next) => {
        next(foreignOrigin(request, corsOrigins));
      },
      handler: (_request, reply) => {
        void reply.headers({ upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" });
        throw refusal(
          "upgradeRequired",
          `${watchPath} speaks WebSocket: connect with ws:// or wss://. docs/api.md shows the messages.`,
        );
      },
      wsHandler: (socket, request) => {
        sockets.open(socket, { context, request, pingIntervalMs });
      },
    });
    done();
  };
}

/**
 * Browsers let any page open a WebSocket anywhere; here only the server's own pages may, and those that the operator
 * allows.
 */
function foreignOrigin(
  { headers: { origin }, host }: FastifyRequest,
  allowed: readonly string[],
): InferenceError | undefined {
  if (origin === undefined || allowed.includes("*") || allowed.includes(origin)) return undefined;
  if (URL.canParse(origin) && new URL(origin).host === host) return undefined;
  return refusal(
    "foreignOrigin",
    `Pages of ${origin} may not open a WebSocket here. Start the server with --cors-origin ${origin} to let them.`,
  );
}
