import type { DialectName } from "../engine/remote/dialect.ts";
import type { Dtype } from "../hub/graph-choice.ts";
import type { Int4Compute } from "../engine/onnx/graphs/matmul-compute.ts";
import type { Device } from "../engine/onnx/ort/device-memory.ts";
import { embeddedModel } from "./embedded-model.ts";

/** A server elsewhere that runs the model. Plain data: it crosses to the worker. */
export interface EngineServer {
  readonly dialect: DialectName;
  readonly url: string;
  /** Neither logged nor told. */
  readonly key: string | undefined;
  /** What the server calls the model; the one that it has when left out. */
  readonly model: string | undefined;
  /** At once. */
  readonly maxCalls: number;
  /** Names the prompt of a call to routers. */
  readonly sessionHeader: string;
  /** How long it is waited for at the start, and measured, seconds. */
  readonly waitSeconds: number;
}

/** What puts an engine and its completer together. Plain data: it crosses to the worker. */
export interface EngineSettings {
  /** Folder of the model, or its id on the hub; of its tokenizer and its template alone where a server runs it. */
  readonly model: string;
  /** What runs the model; this process when left out. Of the settings of its own engine it then reads none. */
  readonly server: EngineServer | undefined;
  readonly dtype: Dtype | undefined;
  readonly device: Device;
  /** What products with block-quantized weights are computed in; what the graph states when left out. */
  readonly int4Compute: Int4Compute | undefined;
  /** Native threads of one forward pass; by the machine's cores when left out, as `assembly/room.ts` chooses. */
  readonly threads: number | undefined;
  /** Whether they spin while a pass runs. */
  readonly spinning: boolean;
  /** Whether weights in files of their own are mapped instead of read. */
  readonly mapWeights: boolean;
  /** Sequences in the live cache at once; by the machine's memory when left out. */
  readonly lanes: number | undefined;
  /** Tokens per lane; as many of the model's as memory has room for when left out. */
  readonly context: number | undefined;
  /** Most prompt tokens run in one pass; chosen by the graph when left out. */
  readonly prefillChunk: number | undefined;
  /** Longest pause that a prompt may cause in other streams, ms. */
  readonly maxGapMs: number;
  /** Budget of the prefix store, MiB; by the machine's memory when left out. */
  readonly prefixStoreMib: number | undefined;
  /** One shape for every pass. */
  readonly deterministic: boolean;
  readonly memo: boolean;
  /** Budget of what chains remember of visited prefixes, MiB; by the machine's memory when left out. */
  readonly memoMib: number | undefined;
  readonly earlyRejection: boolean;
  readonly prefetch: boolean;
  /** Whether a lone sequence tries tokens that are foretold by what was said before. */
  readonly speculation: boolean;
}

/** What `serve` uses where the operator says nothing else. */
export const usualEngine: EngineSettings = {
  model: embeddedModel,
  server: undefined,
  dtype: undefined,
  device: "cpu",
  int4Compute: undefined,
  threads: undefined,
  spinning: true,
  mapWeights: false,
  lanes: undefined,
  context: undefined,
  prefillChunk: undefined,
  maxGapMs: 100,
  prefixStoreMib: undefined,
  deterministic: false,
  memo: true,
  memoMib: undefined,
  earlyRejection: true,
  prefetch: true,
  speculation: true,
};
