import { InvalidArgumentError } from "commander";
import type { Option } from "commander";
import { connectionsWithin, descriptorLimit, usualTimeouts } from "../server/connection-limits.ts";
import type { ConnectionLimits } from "../server/connection-limits.ts";
import { integerFrom, option } from "./options.ts";

/** What `metropolis serve` is told of the connections that clients open; times in seconds. */
export interface ConnectionSettings {
  readonly maxConnections: number | undefined;
  readonly connectionsPerAddress: number | undefined;
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  readonly idleTimeout: number;
  readonly writeTimeout: number;
}

function maxConnections(text: string): number {
  const count = integerFrom(1)(text);
  const descriptors = descriptorLimit();
  const most = connectionsWithin(descriptors);
  if (count <= most) return count;
  throw new InvalidArgumentError(
    `It may be ${most} at most, as the system allows ${descriptors} descriptors; raise these (ulimit -n) for more.`,
  );
}

const seconds = (flags: string, description: string, usualMs: number): Option =>
  option(flags, description)
    .argParser(integerFrom(1, 2_000_000))
    .default(usualMs / 1000);

export const connectionOptions = (): readonly Option[] => [
  option(
    "--max-connections <n>",
    "connections at once; 4096, or fewer where the system allows few descriptors, when left out",
  ).argParser(maxConnections),
  option(
    "--connections-per-address <n>",
    "connections at once of each address but trusted proxies; half of all when left out",
  ).argParser(integerFrom(1)),
  seconds(
    "--headers-timeout <seconds>",
    "longest time a request's headers may take to arrive",
    usualTimeouts.headersTimeoutMs,
  ),
  seconds(
    "--body-timeout <seconds>",
    "longest time a request may take to arrive with its body",
    usualTimeouts.bodyTimeoutMs,
  ),
  seconds(
    "--idle-timeout <seconds>",
    "longest time a connection stays open between requests",
    usualTimeouts.idleTimeoutMs,
  ),
  seconds(
    "--write-timeout <seconds>",
    "longest time a client may read nothing of what it is sent",
    usualTimeouts.writeTimeoutMs,
  ),
];

export const connectionLimits = (settings: ConnectionSettings): Partial<ConnectionLimits> => ({
  ...(settings.maxConnections === undefined ? {} : { maxConnections: settings.maxConnections }),
  ...(settings.connectionsPerAddress === undefined ? {} : { maxPerAddress: settings.connectionsPerAddress }),
  headersTimeoutMs: settings.headersTimeout * 1000,
  bodyTimeoutMs: settings.bodyTimeout * 1000,
  idleTimeoutMs: settings.idleTimeout * 1000,
  writeTimeoutMs: settings.writeTimeout * 1000,
});
