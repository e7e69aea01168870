import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { InferenceError } from "../core/errors.ts";
import { addressOf } from "./trusted-proxies.ts";
import { keyProtocolPrefix } from "./watch/protocol.ts";

/** Tells clients apart, for limits of their own. */
export type IdentifyClient = (request: FastifyRequest) => string;

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/**
 * Asks for one of the keys, as `Authorization: Bearer KEY`, on every route whose `config.isOpen` is not set.
 * Compares digests in constant time, all of them. Without keys every client is let in.
 * @returns tells a request's client: its key's digest, or its address when no keys are asked for
 */
export function requireApiKeys(app: FastifyInstance, keys: readonly string[]): IdentifyClient {
  if (keys.length === 0) return ({ ip }) => addressOf(ip);
  const digests = keys.map(digest);
  app.addHook("onRequest", (request, _reply, next) => {
    if (request.routeOptions.config.isOpen === true || isKnown(digests, request)) {
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
  return (request) => digest(apiKeyOf(request)).toString("base64");
}

function isKnown(digests: readonly Buffer[], request: FastifyRequest): boolean {
  const key = digest(apiKeyOf(request));
  let isKnown = false;
  for (const candidate of digests) isKnown = timingSafeEqual(candidate, key) || isKnown;
  return isKnown;
}

/** The key that a request brings, in its header or, for a browser's WebSocket, as a subprotocol; empty without one. */
function apiKeyOf({ headers }: FastifyRequest): string {
  const bearer = /^Bearer\s+(.+)$/i.exec(headers.authorization ?? "")?.[1];
  if (bearer !== undefined) return bearer;
  const protocols = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  const encoded = protocols.find((name) => name.startsWith(keyProtocolPrefix));
  return Buffer.from(encoded?.slice(keyProtocolPrefix.length) ?? "", "base64url").toString();
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** Served without a key: it shows nothing that a client without one may not know. */
    isOpen?: boolean;
  }
}
