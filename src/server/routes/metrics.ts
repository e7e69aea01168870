import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { RouteContext } from "./context.ts";

/** GET /metrics in Prometheus' text format. */
export function metricsRoutes({ metrics }: RouteContext): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.get(
      "/metrics",
      {
        schema: {
          summary: "Report metrics for Prometheus",
          tags: ["operation"],
          response: {
            200: {
              description: "Metrics in Prometheus' text format.",
              content: { [metrics.contentType]: { schema: z.string() } },
            },
          },
        },
      },
      async (_request, reply) => {
        const text = await metrics.text();
        return reply.type(metrics.contentType).serializer(String).send(text);
      },
    );
    done();
  };
}
