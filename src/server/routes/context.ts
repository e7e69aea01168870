import type { FastifyRequest } from "fastify";
import type { IdentifyClient } from "../api-keys.ts";
import type { BodyBudget } from "../body-budget.ts";
import type { Admission } from "../admission.ts";
import type { Metrics } from "../metrics.ts";
import type { Completer } from "../../decoder/completer.ts";
import type { ResponseStore } from "../responses/response-store.ts";
import type { SamplerName } from "../../samplers/registry.ts";

/** What the routes work with. */
export interface RouteContext {
  readonly completer: Completer;
  /** The sampler of a request that names none. */
  readonly defaultSampler: SamplerName;
  /** A seed for a request that brings none. */
  readonly freshSeed: () => number;
  readonly admission: Admission;
  /** Bodies, and messages of sockets, that are in memory. */
  readonly bodies: BodyBudget;
  readonly identifyClient: IdentifyClient;
  /** Tells who may see what is kept: a key, or, where none are asked for, everybody who knows an id. */
  readonly identifyOwner: IdentifyClient;
  readonly responses: ResponseStore;
  /**
   * Counts a request that came otherwise than over HTTP towards its client's rate. @throws InferenceError `overloaded`
   */
  readonly countRequest: (request: FastifyRequest) => Promise<void>;
  /** Longest time a request may take; 0 for no limit. */
  readonly requestTimeoutMs: number;
  /** Interval of the comments that keep a silent stream alive, ms. */
  readonly heartbeatMs: number;
  readonly metrics: Metrics;
  /** Unix time of the server's start, seconds. */
  readonly startedAt: number;
}
