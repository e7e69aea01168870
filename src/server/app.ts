import fastifySse from "@fastify/sse";
import type { SSEPluginOptions } from "@fastify/sse";
import fastifySwagger from "@fastify/swagger";
import Fastify from "fastify";
import type { FastifyBaseLogger, FastifyInstance, FastifyPluginAsync } from "fastify";
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from "fastify-type-provider-zod";
import type { Generator, SamplerName } from "../decoder/generator.ts";
import { Admission } from "./admission.ts";
import type { AdmissionLimits } from "./admission.ts";
import { requireApiKeys } from "./api-keys.ts";
import { Metrics } from "./metrics.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { handleErrors } from "./errors.ts";
import { apiInfo } from "./openapi.ts";
import { completionRoutes } from "./routes/completions.ts";
import { healthRoutes } from "./routes/health.ts";
import { modelRoutes } from "./routes/models.ts";
import { tokenRoutes } from "./routes/tokens.ts";

export interface AppOptions {
  /** Borrowed: closing the app leaves it alone. */
  readonly generator: Generator;
  readonly defaultSampler: SamplerName;
  readonly logger: FastifyBaseLogger | false;
  readonly freshSeed: () => number;
  /** Interval of the comments that keep a silent stream alive. */
  readonly heartbeatIntervalMs?: number;
  /** Keys of which clients must send one; none lets everybody in. */
  readonly apiKeys?: readonly string[];
  readonly limits?: AdmissionLimits;
  /** Largest request body, bytes. */
  readonly bodyLimit?: number;
}

// The package's types describe an ES default export that its CommonJS build does not have.
const ssePlugin = fastifySse as unknown as FastifyPluginAsync<SSEPluginOptions>;

const defaultBodyLimit = 8 * 1024 * 1024;

const defaultLimits: AdmissionLimits = { maxCompletions: 4096, maxTokens: 16_000_000 };

/** The HTTP application, ready to listen or to be injected into. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    ...(options.logger === false ? {} : { loggerInstance: options.logger }),
    bodyLimit: options.bodyLimit ?? defaultBodyLimit,
    requestIdHeader: "x-request-id",
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  handleErrors(app);
  app.addHook("onSend", async (request, reply) => {
    void reply.header("x-request-id", request.id);
  });

  await app.register(fastifySwagger, {
    openapi: apiInfo,
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(ssePlugin, { heartbeatInterval: options.heartbeatIntervalMs ?? 10_000 });

  requireApiKeys(app, options.apiKeys ?? []);
  const admission = new Admission(options.limits ?? defaultLimits);
  const metrics = new Metrics(options.generator, admission);
  const context = { ...options, admission, metrics, startedAt: Math.floor(Date.now() / 1000) };
  await app.register(completionRoutes(context));
  await app.register(modelRoutes(context));
  await app.register(tokenRoutes(context));
  await app.register(healthRoutes(context));
  await app.register(metricsRoutes(context));
  return app;
}
