import type { Dtype } from "../hub/graph-choice.ts";
import { embeddedModel } from "./embedded-model.ts";
import type { SamplerName } from "../decoder/generator.ts";

/** Everything that `metropolis serve` can be told. Plain data: it crosses to the worker. */
export interface ServeSettings {
  readonly host: string;
  readonly port: number;
  /** Folder of the model, or its id on the hub. */
  readonly model: string;
  readonly dtype: Dtype | undefined;
  readonly sampler: SamplerName;
  readonly apiKey: readonly string[] | undefined;
  readonly apiKeyFile: string | undefined;
  readonly maxCompletions: number;
  readonly maxTokensInFlight: number;
  /** Of each key, or of each address where no keys are asked for. */
  readonly completionsPerClient: number | undefined;
  readonly requestsPerMinute: number | undefined;
  /** Seconds; 0 for no limit. */
  readonly requestTimeout: number;
  readonly maxBodyMib: number;
  readonly corsOrigin: readonly string[] | undefined;
  /** File of a Jinja template that replaces the model's own. */
  readonly chatTemplate: string | undefined;
  readonly device: Device;
  /** Native threads of one forward pass. */
  readonly threads: number;
  /** Sequences in the live cache at once. */
  readonly lanes: number;
  /** Tokens per lane; the model's own context when left out. */
  readonly context: number | undefined;
  /** Most prompt tokens run between two decode passes. */
  readonly prefillChunk: number;
  /** Longest pause that a prompt may cause in other streams, ms. */
  readonly maxGapMs: number;
  /** Budget of the prefix store, MiB. */
  readonly prefixStoreMib: number;
  /** One shape for every pass. */
  readonly deterministic: boolean;
  readonly memo: boolean;
  /** Budget of what chains remember of visited prefixes, MiB. */
  readonly memoMib: number;
  readonly earlyRejection: boolean;
  readonly prefetch: boolean;
  readonly logLevel: string;
}

export const devices = ["cpu", "webgpu", "cuda"] as const;
export type Device = (typeof devices)[number];

export type EngineSettings = Pick<
  ServeSettings,
  | "model"
  | "dtype"
  | "device"
  | "threads"
  | "lanes"
  | "context"
  | "prefillChunk"
  | "maxGapMs"
  | "prefixStoreMib"
  | "deterministic"
  | "memo"
  | "memoMib"
  | "earlyRejection"
  | "prefetch"
>;

/** What `serve` uses when it is told nothing else. */
export const usualEngine: EngineSettings = {
  model: embeddedModel,
  dtype: undefined,
  device: "cpu",
  threads: 1,
  lanes: 16,
  context: undefined,
  prefillChunk: 64,
  maxGapMs: 100,
  prefixStoreMib: 256,
  deterministic: false,
  memo: true,
  memoMib: 256,
  earlyRejection: true,
  prefetch: true,
};
