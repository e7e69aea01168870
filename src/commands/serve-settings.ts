import type { EngineSettings } from "../assembly/engine-settings.ts";
import type { SamplerName } from "../samplers/registry.ts";
import type { ConnectionSettings } from "./connection-options.ts";
import type { EngineOptions } from "./engine-options.ts";

/** All settings of `metropolis serve`. */
export interface ServeSettings extends Omit<EngineSettings, "server">, EngineOptions, ConnectionSettings {
  readonly host: string;
  readonly port: number;
  /** Where /health is answered apart from everything else, if anywhere. */
  readonly healthPort: number | undefined;
  readonly sampler: SamplerName;
  readonly apiKey: readonly string[] | undefined;
  readonly apiKeyFile: string | undefined;
  readonly maxCompletions: number;
  readonly maxTokensInFlight: number;
  readonly maxAnswersMib: number;
  readonly maxBodiesMib: number;
  /** Of each key, or of each address where no keys are asked for. */
  readonly completionsPerClient: number | undefined;
  readonly requestsPerMinute: number | undefined;
  /** Seconds; 0 for no limit. */
  readonly requestTimeout: number;
  /** Seconds. */
  readonly shutdownTimeout: number;
  readonly maxBodyMib: number;
  readonly responseStoreMib: number;
  readonly maxResponses: number;
  /** Seconds. */
  readonly responseLifetime: number;
  readonly corsOrigin: readonly string[] | undefined;
  readonly publicUrl: readonly string[] | undefined;
  readonly allowedHost: readonly string[] | undefined;
  readonly trustProxy: readonly string[] | undefined;
  /** File of a Jinja template that replaces the model's own. */
  readonly chatTemplate: string | undefined;
  readonly logLevel: string;
}
