import fastifyStatic from "@fastify/static";
import type { FastifyPluginAsync } from "fastify";

/**
 * GET /: the playground, a page that Vite built.
 * @param folder where its files are
 */
export function playgroundRoutes(folder: string): FastifyPluginAsync {
  return async (app) => {
    // The page asks for a key itself, where one is wanted; it shows nothing without.
    app.addHook("onRoute", (route) => {
      route.config = { ...route.config, isOpen: true };
    });
    // A route for each file there is, so that anything else stays unknown.
    await app.register(fastifyStatic, { root: folder, wildcard: false });
  };
}
