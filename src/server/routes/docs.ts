import fastifySwaggerUi from "@fastify/swagger-ui";
import type { FastifyPluginAsync } from "fastify";

/** GET /docs: openapi.yaml to read and to try, from this server's own files. */
export const docsRoutes: FastifyPluginAsync = async (app) => {
  // A browser cannot send a key before its page is there; calls made from the page need one as any other.
  app.addHook("onRoute", (route) => {
    route.config = { ...route.config, isOpen: true };
  });
  await app.register(fastifySwaggerUi, {
    routePrefix: "/docs",
    staticCSP: true,
    transformStaticCSP: (policy) => policy.replace(/upgrade-insecure-requests;?/, ""),
    transformSpecification: (specification) => ({ ...specification, servers: [{ url: "/" }] }),
    theme: { title: "Metropolis API" },
    uiConfig: { validatorUrl: null, displayRequestDuration: true },
  });
};
