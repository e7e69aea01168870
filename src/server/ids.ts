import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** No other request or answer has it, of this process or any other. */
export const uniqueId = (): string => randomUUID().replaceAll("-", "");

/** What clients and proxies make ids of: no markup, no spaces, nothing that a terminal acts on. */
const plainId = /^[\w.:;,/+=@|~-]{1,128}$/;

/**
 * The id under which a request is logged, and which the header x-request-id of its answer repeats: the client's own
 * x-request-id, so that both ends find the request by it; one of the server's where there is none, or none that could
 * stand in a log as it came. The ids of answers are others: clients send one x-request-id with many requests.
 */
export function requestIdOf({ headers }: Pick<IncomingMessage, "headers">): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && plainId.test(given) ? given : uniqueId();
}
