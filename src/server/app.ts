import fastifyCors from "@fastify/cors";
import fastifyHelmet from "@fastify/helmet";
import fastifyRateLimit from "@fastify/rate-limit";
import fastifySse from "@fastify/sse";
import type { SSEPluginOptions } from "@fastify/sse";
import fastifySwagger from "@fastify/swagger";
import fastifyWebsocket from "@fastify/websocket";
import Fastify from "fastify";
import type { FastifyBaseLogger, FastifyInstance, FastifyPluginAsync, FastifyRequest } from "fastify";
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import { InferenceError } from "../core/errors.ts";
import type { Completer } from "../decoder/completer.ts";
import type { SamplerName } from "../samplers/registry.ts";
import { Admission } from "./admission.ts";
import type { AdmissionLimits } from "./admission.ts";
import { requireApiKeys } from "./api-keys.ts";
import type { IdentifyClient } from "./api-keys.ts";
import { Metrics } from "./metrics.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { handleErrors } from "./errors.ts";
import { requestIdOf } from "./ids.ts";
import { apiInfo, transformObject } from "./openapi.ts";
import { docsRoutes } from "./routes/docs.ts";
import { completionRoutes } from "./routes/completions.ts";
import { healthRoutes } from "./routes/health.ts";
import { modelRoutes } from "./routes/models.ts";
import { playgroundRoutes } from "./routes/playground.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { watchRoutes } from "./routes/watch.ts";
import { watchProtocol } from "./watch/messages.ts";
import { WatchSockets } from "./watch/watch-sockets.ts";

export interface AppOptions {
  /** Borrowed: closing the app leaves it alone. */
  readonly completer: Completer;
  readonly defaultSampler: SamplerName;
  readonly logger: FastifyBaseLogger | false;
  readonly freshSeed: () => number;
  /** Interval of the comments that keep a silent stream alive, and of the pings that tell whether a socket is. */
  readonly heartbeatIntervalMs?: number;
  /** Keys of which clients must send one; every client is let in where there are none. */
  readonly apiKeys?: readonly string[];
  readonly limits?: Partial<AdmissionLimits>;
  /** Requests a minute from each client: each key, or each address where no keys are asked for. */
  readonly requestsPerMinute?: number | undefined;
  /** Longest time a request may take; 0 for no limit. */
  readonly requestTimeoutMs?: number;
  /** Origins whose pages may call the API; `*` for all, none by default. */
  readonly corsOrigins?: readonly string[];
  /** Where the built playground is; none is served when left out. */
  readonly playgroundFolder?: string;
  /** Largest request body, and largest message on a socket, bytes. */
  readonly bodyLimit?: number;
}

// The package's types describe an ES default export that its CommonJS build does not have.
const ssePlugin = fastifySse as unknown as FastifyPluginAsync<SSEPluginOptions>;

const defaultBodyLimit = 8 * 1024 * 1024;

const defaultLimits: AdmissionLimits = { maxCompletions: 4096, maxTokens: 16_000_000 };

/** As long as OpenAI's clients wait, ms. */
const defaultRequestTimeoutMs = 600_000;

/** The HTTP application, ready to listen or to be injected into. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { bodyLimit = defaultBodyLimit, heartbeatIntervalMs = 10_000 } = options;
  const app = Fastify({
    ...(options.logger === false ? {} : { loggerInstance: options.logger }),
    bodyLimit,
    requestIdHeader: false,
    genReqId: requestIdOf,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  handleErrors(app);
  app.addHook("onRequest", async (request, reply) => {
    void reply.header("x-request-id", request.id);
  });

  await app.register(fastifySwagger, {
    openapi: apiInfo,
    transform: jsonSchemaTransform,
    transformObject,
  });
  await app.register(ssePlugin, { heartbeatInterval: heartbeatIntervalMs });
  const sockets = new WatchSockets();
  await app.register(fastifyWebsocket, {
    options: {
      maxPayload: bodyLimit,
      // Never the subprotocol that carries the key.
      handleProtocols: (offered) => (offered.has(watchProtocol) ? watchProtocol : false),
    },
    errorHandler: (error, socket, request) => {
      // A message too large or no WebSocket frame: the close code says so, and the connection ends.
      request.log.info({ err: error }, "a socket failed");
      if (socket.readyState === socket.OPEN) socket.terminate();
    },
    // Fastify gives this hook ten seconds, running requests more; it waits for their sockets itself.
    preClose: (done) => {
      void sockets.close();
      done();
    },
  });
  app.addHook("onClose", () => sockets.close());

  await setSecurityHeaders(app, options.corsOrigins ?? []);
  const identifyClient = requireApiKeys(app, options.apiKeys ?? []);
  const countRequest = await limitRate(app, options.requestsPerMinute, identifyClient);
  const admission = new Admission({ ...defaultLimits, ...options.limits });
  const context = {
    completer: options.completer,
    defaultSampler: options.defaultSampler,
    freshSeed: options.freshSeed,
    requestTimeoutMs: options.requestTimeoutMs ?? defaultRequestTimeoutMs,
    admission,
    identifyClient,
    countRequest,
    metrics: new Metrics(options.completer, admission),
    startedAt: Math.floor(Date.now() / 1000),
  };
  await app.register(completionRoutes(context));
  await app.register(
    watchRoutes(context, {
      sockets,
      pingIntervalMs: heartbeatIntervalMs,
      corsOrigins: options.corsOrigins ?? [],
    }),
  );
  await app.register(modelRoutes(context));
  await app.register(tokenRoutes(context));
  await app.register(healthRoutes(context));
  await app.register(metricsRoutes(context));
  await app.register(docsRoutes);
  if (options.playgroundFolder !== undefined) await app.register(playgroundRoutes(options.playgroundFolder));
  return app;
}

async function setSecurityHeaders(app: FastifyInstance, corsOrigins: readonly string[]): Promise<void> {
  await app.register(fastifyHelmet, {
    // The server itself speaks plain HTTP, and pages on other names of this host would break.
    contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
    strictTransportSecurity: false,
  });
  if (corsOrigins.length === 0) return;
  await app.register(fastifyCors, {
    origin: corsOrigins.includes("*") ? "*" : [...corsOrigins],
    exposedHeaders: ["x-request-id", "retry-after", "x-should-retry"],
  });
}

/** @returns counts a request that did not come over HTTP, and throws when its client exceeds the rate */
async function limitRate(
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
