import fastifySwaggerUi from "@fastify/swagger-ui";
import type { FastifyReply } from "fastify";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { toYaml } from "../openapi.ts";

/** GET /openapi.yaml, and /docs: the same to read and to try, from this server's own files. */
export const docsRoutes: FastifyPluginAsyncZod = async (app) => {
  const writeYaml = (reply: FastifyReply): string => {
    void reply.type("application/yaml").serializer(String);
    return toYaml({ ...app.swagger(), servers: [{ url: "." }] });
  };
  // A browser cannot send a key before its page is there; calls made from the page need one as any other.
  app.addHook("onRoute", (route) => {
    route.config = { ...route.config, isOpen: true };
    // The page's own writer minds YAML 1.2 alone.
    if (route.url === "/docs/yaml") route.handler = (_request, reply) => writeYaml(reply);
  });
  app.get(
    "/openapi.yaml",
    {
      schema: {
        summary: "Describe this API",
        tags: ["operation"],
        response: {
          200: {
            description: "This document.",
            content: { "application/yaml": { schema: z.string() } },
          },
        },
      },
    },
    (_request, reply) => writeYaml(reply),
  );
  await app.register(fastifySwaggerUi, {
    routePrefix: "/docs",
    staticCSP: true,
    transformStaticCSP: (policy) => policy.replace(/upgrade-insecure-requests;?/, ""),
    transformSpecification: (specification) => ({ ...specification, servers: [{ url: "/" }] }),
    theme: { title: "Metropolis API" },
    uiConfig: { validatorUrl: null, displayRequestDuration: true },
  });
};
