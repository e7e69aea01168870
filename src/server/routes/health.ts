import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { apiInfo } from "../openapi.ts";
import { toHealthResponse } from "../presenters/health.ts";
import { errorResponse } from "../schemas/errors.ts";
import { healthResponse, versionResponse } from "../schemas/health.ts";
import type { RouteContext } from "./context.ts";

/** GET /health, and GET and POST /ping as vLLM and SageMaker's probes have it: asks the engine itself. 503 when it failed, is being restarted, or does not answer. */
export function healthRoutes({ completer, startedAt }: RouteContext): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    const probed = [
      { method: "GET", url: "/health", summary: "Say whether the engine is alive" },
      { method: "GET", url: "/ping", summary: "The same as /health, as vLLM has it" },
      { method: "POST", url: "/ping", summary: "The same as /health, as vLLM has it" },
    ];
    for (const { method, url, summary } of probed) {
      app.route({
        method,
        url,
        config: { isOpen: true },
        schema: {
          summary,
          tags: ["operation"],
          response: { 200: healthResponse, 503: z.union([healthResponse, errorResponse]) },
        },
        handler: async (_request, reply) => {
          const health = await completer.health();
          return reply.status(health.status === "ok" ? 200 : 503).send(toHealthResponse(health, startedAt));
        },
      });
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
