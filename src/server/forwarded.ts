import type { IncomingHttpHeaders } from "node:http";

/**
 * What proxies say was asked for. Of several in a row each may add its own, and any of them may be what the browser
 * shows. A page may have its browser send these headers to its own name, so that what they say counts beside Host, never
 * for it.
 */
export interface Forwarded {
  readonly hosts: readonly string[];
  /** Such as `https:`; none where that was not said. */
  readonly protocols: readonly string[];
}

export const nothingForwarded: Forwarded = { hosts: [], protocols: [] };

export function forwardedOf(headers: IncomingHttpHeaders): Forwarded {
  const list = (name: string): string[] =>
    String(headers[name] ?? "")
      .split(",")
      .map((value) => value.trim())
      .filter((value) => value !== "");
  const pairs = list("forwarded").flatMap((hop) => hop.split(";").map((pair) => pair.trim().split("=")));
  const inForwarded = (key: string): string[] =>
    pairs
      .filter(([name]) => name?.toLowerCase() === key)
      .map(([, value = ""]) => value.replace(/^"(.*)"$/, "$1"));
  const hosts = [...list("x-forwarded-host"), ...inForwarded("host")];
  const withPorts = list("x-forwarded-port").flatMap((port) =>
    hosts.filter((host) => !/:\d+$/.test(host)).map((host) => `${host}:${port}`),
  );
  // Some call a WebSocket's protocol ws.
  const protocols = [...list("x-forwarded-proto"), ...inForwarded("proto")].map(
    (name) => `${name.toLowerCase().replace(/^ws/, "http")}:`,
  );
  return { hosts: [...hosts, ...withPorts], protocols };
}
