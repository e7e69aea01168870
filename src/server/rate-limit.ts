import fastifyRateLimit from "@fastify/rate-limit";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { InferenceError } from "../core/errors.ts";
import type { IdentifyClient } from "./api-keys.ts";

/** @returns counts a request that did not come over HTTP, and throws when its client exceeds the rate */
export async function limitRate(
  app: FastifyInstance,
  max: number | undefined,
  identifyClient: IdentifyClient,
): Promise<(request: FastifyRequest) => Promise<void>> {
  if (max === undefined) return () => Promise.resolve();
  const tooMany = (after: string): InferenceError =>
    new InferenceError("overloaded", `You may send ${max} requests a minute. Try again in ${after}.`);
  await app.register(fastifyRateLimit, {
    max,
    timeWindow: 60_000,
    keyGenerator: identifyClient,
    allowList: (request) => request.routeOptions.config.isOpen === true,
    errorResponseBuilder: (_request, { after }) => tooMany(after),
  });
  const count = app.createRateLimit();
  // One after the other: counts made at once would get each other's results.
  let last: Promise<unknown> = Promise.resolve();
  return async (request) => {
    const turn = last.then(() => count(request));
    last = turn;
    const limit = await turn;
    if (!limit.isAllowed && limit.isExceeded) throw tooMany(`${limit.ttlInSeconds} seconds`);
  };
}
