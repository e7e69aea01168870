import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";

export interface ConnectionLimits {
  /** Connections at once, of all clients. */
  readonly maxConnections: number;
  /** Connections at once of an address, or of a network of 2^64 IPv6 addresses. */
  readonly maxPerAddress: number;
  /** Longest time that the line and headers of a request may take to arrive, ms. */
  readonly headersTimeoutMs: number;
  /** Longest time that a request may take to arrive, its body included, ms. */
  readonly bodyTimeoutMs: number;
  /** Longest time that a connection may stay open between requests, ms. */
  readonly idleTimeoutMs: number;
  /** Longest time that a client may take to read any of what it is sent, ms. */
  readonly writeTimeoutMs: number;
}

const most = 4096;

export const usualTimeouts = {
  headersTimeoutMs: 20_000,
  bodyTimeoutMs: 120_000,
  // Longer than proxies keep theirs (60 s): they would send requests into connections that are being closed.
  idleTimeoutMs: 75_000,
  writeTimeoutMs: 60_000,
} as const;

/** The limits that hold where some are given. By default an address may have half of all connections. */
export function openConnections(given: Partial<ConnectionLimits>): ConnectionLimits {
  const { maxConnections = Math.min(most, connectionsWithin(descriptorLimit())) } = given;
  return {
    maxConnections,
    maxPerAddress: given.maxPerAddress ?? Math.ceil(maxConnections / 2),
    headersTimeoutMs: given.headersTimeoutMs ?? usualTimeouts.headersTimeoutMs,
    bodyTimeoutMs: given.bodyTimeoutMs ?? usualTimeouts.bodyTimeoutMs,
    idleTimeoutMs: given.idleTimeoutMs ?? usualTimeouts.idleTimeoutMs,
    writeTimeoutMs: given.writeTimeoutMs ?? usualTimeouts.writeTimeoutMs,
  };
}

/** Leaves a quarter, and some more, to files, pipes of processes, and connections that are being refused. */
export const connectionsWithin = (descriptors: number): number =>
  Math.max(8, Math.floor(descriptors * 0.75) - 64);

/** Descriptors that this process may have open; infinite where the system does not say. */
export function descriptorLimit(): number {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return limit === undefined ? Infinity : Number(limit);
  } catch {
    return Infinity;
  }
}

/** What counts as one client: an IPv4 address, or the network of 64 bits that an IPv6 subscriber gets at least. */
export function unitOf(address: string): string {
  const mapped = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!isIPv6(mapped)) return mapped;
  const [head = "", tail] = mapped.split("%")[0]!.split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const all =
    tail === undefined
      ? groups
      : [...groups, ...Array<string>(8 - groups.length - rest.length).fill("0"), ...rest];
  return all
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(":");
}
