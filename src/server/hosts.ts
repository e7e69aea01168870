import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import type { FastifyInstance } from "fastify";
import { refusal } from "./errors.ts";
import type { Refusal } from "./errors.ts";
import { forwardedOf, nothingForwarded } from "./forwarded.ts";
import type { TrustProxy } from "./trusted-proxies.ts";

export interface HostRules {
  /** As `parseAllowedHost` gives them. */
  readonly allowedHosts: readonly string[];
  /** Origins at which browsers reach this server. */
  readonly publicOrigins: readonly string[];
  /** The address or name that the server was told to listen on. */
  readonly listensOn: string;
  readonly trustProxy: TrustProxy;
}

/**
 * Refuses requests to a name that is not this server's. The owner of a name can point it anywhere ("DNS rebinding"):
 * to the visitor's browser a page of that name and this server are then one origin, and the page may ask and read
 * whatever its visitor may. Addresses are let in, since no name was rebound to reach them.
 */
export function checkHosts(app: FastifyInstance, { allowedHosts, publicOrigins, ...rules }: HostRules): void {
  if (allowedHosts.includes("*")) return;
  const isOwn = ownNames(rules.listensOn, [
    ...allowedHosts,
    ...publicOrigins.map((origin) => new URL(origin).hostname),
  ]);
  app.addHook("onRequest", ({ raw }, _reply, next) => {
    next(misdirected(hostsOf(raw, rules.trustProxy), isOwn));
  });
}

/** The first host that is not this server's decides. */
function misdirected(hosts: readonly string[], isOwn: (name: string) => boolean): Refusal | undefined {
  for (const host of hosts) {
    const name = hostNameOf(host);
    if (name === undefined) return refusal("malformed", "The host that the request names is none.");
    if (!isOwn(name)) {
      return refusal(
        "misdirected",
        `This server does not know itself as ${name}, and a page of a name that was pointed here could act with its visitor's access. If the name is its own, start the server with --allowed-host ${name} (or METROPOLIS_ALLOWED_HOST), or ask it by its address (docs/proxy.md).`,
      );
    }
  }
  return undefined;
}

/**
 * Every host that a request says it is for; all of them must be this server's. Clients that are no browsers may name
 * none. A name that a trusted proxy was asked for over TLS is one that the proxy has a certificate for; a rebound
 * name's owner cannot give it any.
 */
function hostsOf({ headers, socket, url = "" }: IncomingMessage, trustProxy: TrustProxy): readonly string[] {
  const [, authority] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url) ?? [];
  const forwarded = trustProxy(socket.remoteAddress) ? forwardedOf(headers) : nothingForwarded;
  const isOverTls = forwarded.protocols.length > 0 && forwarded.protocols.every((name) => name === "https:");
  return [authority ?? "", headers.host ?? "", ...(isOverTls ? [] : forwarded.hosts)].filter(
    (host) => host !== "",
  );
}

/**
 * The name or address in an authority, as browsers write it: lower case, without port and without the dot of a full
 * name; IPv6 in brackets. `undefined` for what names no host.
 */
function hostNameOf(authority: string): string | undefined {
  // The zone of an address is the client's own business.
  const url = `http://${authority.trim().replace(/%[^\]]*\]/, "]")}`;
  if (/[\s/?#@\\]/.test(authority.trim()) || !URL.canParse(url)) return undefined;
  const name = new URL(url).hostname.replace(/\.$/, "");
  return name === "" || name.length > 253 ? undefined : name;
}

/** @param allowed names, and `.example.com` for a name and all below it */
function ownNames(listensOn: string, allowed: readonly string[]): (name: string) => boolean {
  const isLocal = isLoopback(listensOn);
  const names = new Set([...allowed, hostNameOf(listensOn)]);
  if (!isLocal) names.add(hostNameOf(hostname()));
  const suffixes = allowed.filter((name) => name.startsWith("."));
  return (name) =>
    isAddress(name) ||
    name === "localhost" ||
    name.endsWith(".localhost") ||
    names.has(name) ||
    suffixes.some((suffix) => `.${name}`.endsWith(suffix)) ||
    (!isLocal && isPrivate(name));
}

const isAddress = (name: string): boolean => name.startsWith("[") || isIP(name) !== 0;

const isLoopback = (address: string): boolean =>
  address === "localhost" || address === "::1" || (isIP(address) === 4 && address.startsWith("127."));

/**
 * Names that only a local network gives, such as that of a container's service or of a cluster; the public DNS has
 * none like them. An attacker who gives names in the local network reaches a server that listens there as it is.
 */
const isPrivate = (name: string): boolean =>
  !name.includes(".") || /\.(local|internal|home\.arpa)$/.test(name);

/**
 * A name that an operator allows: `example.com`, `.example.com` for it and all below it, `*` for any.
 * @throws Error for what is none
 */
export function parseAllowedHost(text: string): string {
  if (text === "*") return text;
  const suffix = text.startsWith(".") ? "." : "";
  const name = hostNameOf(text.slice(suffix.length));
  if (name !== undefined && /^[^:*]+$|^\[[^\]]+\]$/.test(text.slice(suffix.length))) return suffix + name;
  throw new Error(
    `'${text}' is no name of a host; give one such as example.com or .example.com, without port`,
  );
}
