import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import findMyWay from "find-my-way";
import { wrongRoute } from "./errors.ts";
import type { Refusal } from "./errors.ts";

/** How paths are compared, by Fastify and here. */
export const routerOptions = {
  // Clients end paths as they like, and join base URLs that end with a slash to paths that begin with one.
  ignoreTrailingSlash: true,
  ignoreDuplicateSlashes: true,
};

/** Which methods each path takes: to Fastify, a method that a path does not take is a path that it does not have. */
export class RouteTable {
  readonly #router = findMyWay(routerOptions);
  readonly #methods = new Map<unknown, Set<string>>();

  /** Enters every route that is registered from now on. */
  constructor(app: FastifyInstance) {
    app.addHook("onRoute", ({ method, url }) => {
      // The one route of preflights, which every path has.
      if (url === "*") return;
      if (!this.#methods.has(url)) {
        this.#methods.set(url, new Set());
        this.#router.on("GET", url, () => undefined, url);
      }
      for (const name of [method].flat()) this.#methods.get(url)!.add(name);
    });
  }

  /** Those that any path takes. */
  get methods(): readonly string[] {
    return [...new Set([...this.#methods.values()].flatMap((methods) => [...methods]))].sort();
  }

  /** @param target path and query as a client sent them; none for a path that is unknown or cannot be decoded */
  methodsAt(target: string): readonly string[] {
    const found = this.#router.find("GET", target);
    return found === null ? [] : [...(this.#methods.get(found.store) ?? [])].sort();
  }

  /** Refuses what no route takes, from now on and before it is read. */
  refuseTheRest(app: FastifyInstance): void {
    const refuse = ({ method, url }: FastifyRequest, reply: FastifyReply): Refusal => {
      const methods = this.methodsAt(url);
      if (methods.length > 0) void reply.header("allow", methods.join(", "));
      return wrongRoute(method, url, methods);
    };
    app.addHook("onRequest", (request, reply, next) => {
      next(request.is404 ? refuse(request, reply) : undefined);
    });
    // Routes may call it too.
    app.setNotFoundHandler((request, reply) => {
      throw refuse(request, reply);
    });
  }
}
