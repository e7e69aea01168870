import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { apiInfo } from "../openapi.ts";
import { toHealthResponse } from "../presenters/health.ts";
import { errorResponse } from "../schemas/errors.ts";
import { healthResponse, versionResponse } from "../schemas/health.ts";
import type { RouteContext } from "./context.ts";

/** GET /health, and GET /ping for vLLM's probes: asks the engine itself. 503 when it failed, is being restarted, or does not answer. */
export function healthRoutes({ completer }: RouteContext): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    const probed = {
      "/health": "Say whether the engine is alive",
      "/ping": "The same as /health, as vLLM has it",
    };
    for (const [url, summary] of Object.entries(probed)) {
      app.get(
        url,
        {
          config: { isOpen: true },
          schema: {
            summary,
            tags: ["operation"],
            response: { 200: healthResponse, 503: z.union([healthResponse, errorResponse]) },
          },
        },
        async (_request, reply) => {
          const health = await completer.health();
          return reply.status(health.status === "ok" ? 200 : 503).send(toHealthResponse(health));
        },
      );
    }
    app.get(
      "/version",
      {
        schema: {
          summary: "Name the server's version",
          tags: ["operation"],
          response: { 200: versionResponse },
        },
      },
      () => ({ version: apiInfo.info.version }),
    );
    done();
  };
}
