import type { FastifyRequest } from "fastify";
import type { InferenceError } from "../core/errors.ts";
import { refusal } from "./errors.ts";
import { forwardedOf, nothingForwarded } from "./forwarded.ts";
import type { Forwarded } from "./forwarded.ts";
import type { TrustProxy } from "./trusted-proxies.ts";

export interface OriginRules {
  /** Origins at which this server is reached, as browsers write them. */
  readonly publicOrigins: readonly string[];
  /** Origins whose pages may call the API, likewise; `*` for all. */
  readonly corsOrigins: readonly string[];
  /** Proxies whose word is taken for the host and protocol that were asked for. */
  readonly trustProxy: TrustProxy;
}

/**
 * Browsers let any page open a WebSocket anywhere; here only the server's own pages may, and those that the operator
 * allows. Own are the public origins, and every host that the request was sent to.
 * @returns why a request's origin is refused
 */
export function foreignOrigin(
  { headers, socket }: FastifyRequest,
  { publicOrigins, corsOrigins, trustProxy }: OriginRules,
): InferenceError | undefined {
  const { origin } = headers;
  if (origin === undefined || corsOrigins.includes("*")) return undefined;
  if (corsOrigins.includes(origin) || publicOrigins.includes(origin)) return undefined;
  if (!URL.canParse(origin)) {
    return refusal(
      "foreignOrigin",
      "Files and sandboxed frames may not open a WebSocket here: they have no origin. Serve the page over HTTP.",
    );
  }
  const forwarded = trustProxy(socket.remoteAddress) ? forwardedOf(headers) : nothingForwarded;
  if (isSentTo(new URL(origin), { ...forwarded, hosts: [headers.host ?? "", ...forwarded.hosts] }))
    return undefined;
  return refusal(
    "foreignOrigin",
    `Pages of ${origin} may not open a WebSocket here. Start the server with --public-url ${origin} if this is its own address behind a proxy (docs/proxy.md), or with --cors-origin ${origin} to let pages of other sites in.`,
  );
}

/** Whether the address that a request was sent to has this origin. Which protocol that was may not be known. */
function isSentTo({ protocol, host }: URL, { hosts, protocols }: Forwarded): boolean {
  if (protocols.length > 0 ? !protocols.includes(protocol) : !/^https?:$/.test(protocol)) return false;
  return hosts.some((sentTo) => originOf(`${protocol}//${sentTo}`) === `${protocol}//${host}`);
}

/** As browsers write it: lower case, without the protocol's usual port; `undefined` for what is no address. */
function originOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

/**
 * An origin that an operator names, as browsers write it.
 * @throws Error for what is none
 */
export function parseOrigin(text: string): string {
  if (text === "*" || text === "null") return text;
  const origin = URL.canParse(text) ? originOf(text) : undefined;
  const isOrigin = origin !== undefined && /^[a-z][a-z0-9+.-]*:\/\/[^/?#@]+\/?$/i.test(text);
  if (isOrigin) return origin;
  throw new Error(`'${text}' is no origin; give protocol and host alone, such as https://example.com`);
}

/**
 * The address at which browsers reach the server.
 * @returns it without a slash at its end; its origin is as browsers write it
 * @throws Error for what is none, or has what a server's address has not
 */
export function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const problem =
    url === undefined || !/^https?:\/\//i.test(text)
      ? "is no address; give one such as https://example.com/met/"
      : url.username !== "" || url.password !== ""
        ? "has a user or password, which browsers do not show; leave them out"
        : /[?#]/.test(text)
          ? "has a query or fragment; give the address alone, such as https://example.com/met/"
          : undefined;
  if (problem !== undefined) throw new Error(`'${text}' ${problem}`);
  return url!.href.replace(/\/+$/, "");
}
