import type { Generator, SamplerName } from "../../decoder/generator.ts";

/** What the routes work with. */
export interface RouteContext {
  readonly generator: Generator;
  /** The sampler of a request that names none. */
  readonly defaultSampler: SamplerName;
  /** A seed for a request that brings none. */
  readonly freshSeed: () => number;
  /** Unix time of the server's start, seconds. */
  readonly startedAt: number;
}
