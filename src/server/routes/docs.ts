import fastifySwaggerUi from "@fastify/swagger-ui";
import type { FastifyReply } from "fastify";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { toYaml } from "../openapi.ts";

/** What stands at the head of /docs, on its dark ground. */
const name =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 150 30" height="30"><rect y="5" width="20" height="20" rx="4" fill="#f2a65a"/><path d="M4 20v-4h2.500v4m1.250 0v-9h2.500v9m1.250 0v-5h2.500v5m1.250 0V8h1.250v12" stroke="#1d1b18" stroke-width="1.500" fill="none"/><text x="30" y="21" font-family="system-ui, sans-serif" font-size="18" font-weight="600" fill="#fff">Metropolis</text></svg>';

/** There is one document, and one server for it: this one. */
const single = [".topbar .download-url-wrapper", ".servers-title", ".servers"];
/** Where no key is asked for, a lock would say that one is. */
const locks = [".scheme-container", ".authorization__btn"];
const hide = (parts: readonly string[]): string =>
  `${parts.map((part) => `.swagger-ui ${part}`).join(", ")} { display: none }`;

export interface DocsOptions {
  readonly asksForKeys: boolean;
}

/** GET /openapi.yaml, and /docs: the same to read and to try, from this server's own files. */
export const docsRoutes: FastifyPluginAsyncZod<DocsOptions> = async (app, { asksForKeys }) => {
  /** The document as text, which takes a tenth of a second to write and never changes, by type and server. */
  const written = new Map<string, string>();
  /** @param url of the server, as seen from the document: a proxy may serve both under any path */
  const write = (reply: FastifyReply, type: "yaml" | "json", url: string): string => {
    void reply.type(`application/${type}`).serializer(String);
    const key = `${type} ${url}`;
    const known = written.get(key);
    if (known !== undefined) return known;
    const document = { ...app.swagger(), servers: [{ url }] };
    const text = type === "yaml" ? toYaml(document) : JSON.stringify(document);
    written.set(key, text);
    return text;
  };
  // A browser cannot send a key before its page is there; calls made from the page need one as any other.
  app.addHook("onRoute", (route) => {
    route.config = { ...route.config, isOpen: true };
    // The page's own writers mind YAML 1.2 alone, and write the document anew for each reader.
    if (route.url === "/docs/yaml") route.handler = (_request, reply) => write(reply, "yaml", "..");
    if (route.url === "/docs/json") route.handler = (_request, reply) => write(reply, "json", "..");
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
            content: { "application/yaml": { schema: z.unknown() } },
          },
        },
      },
    },
    (_request, reply) => write(reply, "yaml", "."),
  );
  // What the library would redirect to is absolute, and with a query its page does not find its own files.
  app.addHook("onRequest", async (request, reply) => {
    const [path = "", query] = request.url.split("?");
    const route = request.routeOptions.url;
    if (route === "/docs/static/index.html") await reply.redirect("../");
    if (route === "/docs" && query !== undefined) await reply.redirect(path.endsWith("/") ? "./" : "docs/");
  });
  await app.register(fastifySwaggerUi, {
    routePrefix: "/docs",
    // Before those of its files: relative, as they are from /docs/.
    indexPrefix: ".",
    staticCSP: true,
    transformStaticCSP: (policy) => policy.replace(/upgrade-insecure-requests;?/, ""),
    theme: {
      title: "Metropolis API",
      css: [{ filename: "ours.css", content: hide(asksForKeys ? single : [...single, ...locks]) }],
    },
    logo: { type: "image/svg+xml", content: name },
    uiConfig: {
      validatorUrl: null,
      displayRequestDuration: true,
      // Its own logo, which ours takes the place of, brings a style that the page's policy refuses.
      plugins: [() => ({ components: { Logo: () => null } })],
    },
  });
};
