import { BlockList, isIP } from "node:net";

/** Whether what an address says of the requests that it passes on is believed. */
export type TrustProxy = (address: string | undefined) => boolean;

const named: Readonly<Record<string, readonly string[]>> = {
  loopback: ["127.0.0.0/8", "::1"],
  private: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
};

/**
 * @param proxies addresses, ranges such as 10.1.0.0/16, or the names `loopback` and `private`
 * @throws Error for what is none of them
 */
export function trustedProxies(proxies: readonly string[]): TrustProxy {
  const list = new BlockList();
  for (const proxy of proxies) for (const range of named[proxy] ?? [proxy]) addRange(list, range);
  return (hop) => {
    const address = addressOf(hop ?? "");
    const family = familyOf(address);
    return family !== undefined && list.check(address, family);
  };
}

/** The address of a hop in X-Forwarded-For, to which some proxies add the port that the client called from. */
export function addressOf(hop: string): string {
  const [, bracketed, plain] = /^\[([^\]]+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(hop) ?? [];
  return bracketed ?? plain ?? hop;
}

/** @returns the proxy as it is written. @throws Error for what is none */
export function checkProxy(proxy: string): string {
  trustedProxies([proxy]);
  return proxy;
}

function addRange(list: BlockList, range: string): void {
  const [, address = range, length] = /^(.+)\/(\d{1,3})$/.exec(range) ?? [];
  const family = familyOf(address);
  const longest = family === "ipv4" ? 32 : 128;
  if (family === undefined || Number(length ?? longest) > longest) {
    throw new Error(
      `'${range}' is no address of a proxy; give one such as 10.0.0.2, a range such as 10.0.0.0/8, loopback or private`,
    );
  }
  list.addSubnet(address, Number(length ?? longest), family);
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? "ipv4" : "ipv6";
}
