import fastifyCors from "@fastify/cors";
import fastifyHelmet from "@fastify/helmet";
import fastifySwagger from "@fastify/swagger";
import fastifyWebsocket from "@fastify/websocket";
import Fastify from "fastify";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import type { Completer } from "../decoder/completer.ts";
import type { SamplerName } from "../samplers/registry.ts";
import { BodyBudget } from "./body-budget.ts";
import { Admission } from "./admission.ts";
import { ignoredHeader } from "./answer.ts";
import type { AdmissionLimits } from "./admission.ts";
import { requireApiKeys } from "./api-keys.ts";
import { Metrics } from "./metrics.ts";
import { checkHosts } from "./hosts.ts";
import { responseRoutes } from "./routes/responses.ts";
import { ResponseStore } from "./responses/response-store.ts";
import type { ResponseStoreLimits } from "./responses/response-store.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { answerError } from "./errors.ts";
import { refuseWhileClosing } from "./graceful-close.ts";
import { answerProtocolErrors, protocolOptions, refuseOn } from "./protocol-errors.ts";
import { HeldResources } from "./held-resources.ts";
import { countHttpRequests } from "./http-requests.ts";
import { requestIdOf } from "./ids.ts";
import { limitRate } from "./rate-limit.ts";
import { Connections } from "./connections.ts";
import type { ConnectionLimits } from "./connection-limits.ts";
import { httpServers } from "./http-server.ts";
import { withoutSecrets } from "./request-log.ts";
import { checkPresets } from "./presets.ts";
import { readBodies } from "./request-body.ts";
import { RouteTable, routerOptions } from "./route-table.ts";
import { RunningAnswers } from "./running-answers.ts";
import { offeredUpgrades, upgradeOptions } from "./upgrades.ts";
import { apiInfo, transform, transformObject } from "./openapi.ts";
import { docsRoutes } from "./routes/docs.ts";
import { completionRoutes } from "./routes/completions.ts";
import { healthRoutes } from "./routes/health.ts";
import { modelRoutes } from "./routes/models.ts";
import { playgroundRoutes } from "./routes/playground.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { watchRoutes } from "./routes/watch.ts";
import { watchProtocol } from "./watch/protocol.ts";
import type { TrustProxy } from "./trusted-proxies.ts";
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
  /** Origins at which browsers reach this server, behind proxies: its own pages come from there. */
  readonly publicOrigins?: readonly string[];
  /** The address or name that the server will listen on; loopback when left out. */
  readonly listensOn?: string;
  /** Further names under which it may be asked: `example.com`, `.example.com`, `*`. With keys, any unless some are given. */
  readonly allowedHosts?: readonly string[];
  /** Proxies whose word is taken for the client's address and for the host it asked; none when left out. */
  readonly trustProxy?: TrustProxy;
  /** Where the built playground is; none is served when left out. */
  readonly playgroundFolder?: string;
  /** Of those that clients open, and of the time that they may take; what is left out is as `serve` has it. */
  readonly connections?: Partial<ConnectionLimits>;
  /** Of the responses that are kept for clients that come back to them. */
  readonly responseStore?: Partial<ResponseStoreLimits>;
  /** Largest request body, and largest message on a socket, bytes. */
  readonly bodyLimit?: number;
  /** Of all bodies in memory together, bytes. */
  readonly bodiesLimit?: number;
}

const defaultBodyLimit = 8 * 1024 * 1024;

const defaultLimits: AdmissionLimits = {
  maxCompletions: 4096,
  maxTokens: 16_000_000,
  maxAnswerBytes: 512 * 1024 * 1024,
};

const defaultStoreLimits: ResponseStoreLimits = {
  maxResponses: 10_000,
  maxBytes: 128 * 1024 * 1024,
  lifetimeMs: 24 * 60 * 60 * 1000,
};

const defaultBodiesLimit = 256 * 1024 * 1024;

/** As long as OpenAI's clients wait, ms. */
const defaultRequestTimeoutMs = 600_000;

/**
 * The HTTP application, ready to listen or to be injected into.
 * @throws InferenceError for presets of the model that no request could have
 */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  checkPresets(options.completer.model);
  const { bodyLimit = defaultBodyLimit, heartbeatIntervalMs = 10_000 } = options;
  const { publicOrigins = [], corsOrigins = [], trustProxy = () => false } = options;
  const { apiKeys = [], allowedHosts = [], listensOn = "127.0.0.1" } = options;
  const log = options.logger === false ? undefined : withoutSecrets(options.logger);
  const connections = new Connections(options.connections ?? {}, { trustProxy, log });
  const answers = new RunningAnswers();
  const app = Fastify({
    ...(log === undefined ? {} : { loggerInstance: log }),
    bodyLimit,
    trustProxy,
    requestIdHeader: false,
    genReqId: requestIdOf,
    routerOptions,
    serverFactory: httpServers(connections, answers, { ...upgradeOptions, ...protocolOptions }),
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      void answerError(error, request, reply);
    },
    // Those are answered below.
    clientErrorHandler: () => undefined,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(answerError);
  refuseWhileClosing(app);
  const routes = new RouteTable(app);
  app.addHook("onClose", () => {
    connections[Symbol.dispose]();
  });
  // Before any hook that may refuse a request: it ends the connections of those whose upgrade was refused.
  const sockets = new WatchSockets();
  await app.register(fastifyWebsocket, {
    options: {
      server: offeredUpgrades(app.server, answers),
      maxPayload: bodyLimit,
      // Each costs far more than its bytes; browsers send messages in few.
      maxFragments: 1024,
      // They are answered as far as the peer reads.
      autoPong: false,
      // One message in a turn of the event loop, however many came in a packet.
      allowSynchronousEvents: false,
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
  const httpRequests = countHttpRequests(app);
  answerProtocolErrors(app, answers, routes);
  app.addHook("onRequest", async (request, reply) => {
    void reply.header("x-request-id", request.id);
  });
  // A page of a rebound name has no key.
  if (apiKeys.length === 0 || allowedHosts.length > 0)
    checkHosts(app, { allowedHosts, publicOrigins, listensOn, trustProxy });

  await app.register(fastifySwagger, {
    openapi: apiInfo,
    transform,
    transformObject,
  });
  app.websocketServer.on("wsClientError", ({ message }, socket) => {
    refuseOn(socket, {
      statusCode: 400,
      message: `The WebSocket's handshake is not as it should be: ${message}.`,
    });
  });
  app.addHook("onClose", () => sockets.close());

  await setSecurityHeaders(app, corsOrigins);
  const identifyClient = requireApiKeys(app, apiKeys);
  const bodies = new BodyBudget(options.bodiesLimit ?? defaultBodiesLimit);
  readBodies(app, { bodyLimit, bodies, identifyClient });
  const countRequest = await limitRate(app, options.requestsPerMinute, identifyClient);
  routes.refuseTheRest(app);
  const admission = new Admission({ ...defaultLimits, ...options.limits });
  const responses = new ResponseStore({ ...defaultStoreLimits, ...options.responseStore });
  // What runs in the background for nobody: those who wait have been answered by then.
  app.addHook("onClose", () => {
    responses[Symbol.dispose]();
  });
  const context = {
    completer: options.completer,
    defaultSampler: options.defaultSampler,
    freshSeed: options.freshSeed,
    requestTimeoutMs: options.requestTimeoutMs ?? defaultRequestTimeoutMs,
    admission,
    bodies,
    identifyClient,
    identifyOwner: apiKeys.length === 0 ? () => "" : identifyClient,
    responses,
    countRequest,
    heartbeatMs: heartbeatIntervalMs,
    metrics: new Metrics({
      completer: options.completer,
      admission,
      bodies,
      responses,
      httpRequests,
      held: new HeldResources(app.server, sockets),
    }),
    startedAt: Math.floor(Date.now() / 1000),
  };
  await app.register(completionRoutes(context));
  await app.register(responseRoutes(context));
  await app.register(
    watchRoutes(context, {
      sockets,
      connections,
      pingIntervalMs: heartbeatIntervalMs,
      origins: { publicOrigins, corsOrigins, trustProxy },
    }),
  );
  await app.register(modelRoutes(context));
  await app.register(tokenRoutes(context));
  await app.register(healthRoutes(context));
  await app.register(metricsRoutes(context));
  await app.register(docsRoutes, { asksForKeys: apiKeys.length > 0 });
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
    delegator: ({ headers }, done) => {
      done(null, {
        methods: ["GET", "HEAD", "POST", "DELETE"],
        origin: corsOrigins.includes("*") ? "*" : [...corsOrigins],
        exposedHeaders: ["x-request-id", "retry-after", "x-should-retry", ignoredHeader],
        // What is no preflight is a request like any other.
        preflight: "origin" in headers && "access-control-request-method" in headers,
      });
    },
  });
}
