import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { InferenceError } from "../core/errors.ts";

/** What anybody may see: whether the server is alive. */
const openPaths = new Set(["/health"]);

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/**
 * Asks for one of the keys on every route but /health, as `Authorization: Bearer KEY`. Compares digests in
 * constant time, all of them. Without keys everybody may in.
 */
export function requireApiKeys(app: FastifyInstance, keys: readonly string[]): void {
  if (keys.length === 0) return;
  const digests = keys.map(digest);
  app.addHook("onRequest", (request, _reply, next) => {
    if (openPaths.has(request.routeOptions.url ?? "") || isKnown(digests, request)) {
      next();
      return;
    }
    next(
      new InferenceError(
        "invalid_api_key",
        "This server wants an API key: send the header `Authorization: Bearer KEY` with one of its keys.",
      ),
    );
  });
}

function isKnown(digests: readonly Buffer[], request: FastifyRequest): boolean {
  const key = digest(apiKeyOf(request));
  let isKnown = false;
  for (const candidate of digests) isKnown = timingSafeEqual(candidate, key) || isKnown;
  return isKnown;
}

/** The key that a request brings; empty without one. */
export function apiKeyOf(request: FastifyRequest): string {
  return /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
}
