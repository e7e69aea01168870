import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { InferenceError } from "../../core/errors.ts";
import type { OnLoadProgress } from "../../core/load-progress.ts";
import type { ProductType } from "../health.ts";
import type { ModelRunner } from "../local/runner.ts";
import { ConcatCacheRunner } from "./concat-cache-runner.ts";
import { readDecoderGraph } from "./graphs/decoder-graph.ts";
import type { DecoderGraph } from "./graphs/decoder-graph.ts";
import { adviseOnDevice } from "./device-failure.ts";
import { matMulCompute, withCompute } from "./graphs/matmul-compute.ts";
import type { ComputeChoice } from "./graphs/matmul-compute.ts";
import { readGraphFile } from "./graphs/graph-file.ts";
import type { GraphFile } from "./graphs/graph-file.ts";
import { leastMeasuredVocabulary } from "./logits/logits.ts";
import { withLateLogits } from "./graphs/late-logits.ts";
import type { OnnxRunnerOptions } from "./onnx-runner.ts";
import type { Device } from "./ort/device-memory.ts";
import { byteLength } from "./ort/tensor.ts";
import { Session } from "./ort/session.ts";
import type { SessionOptions } from "./ort/session.ts";
import { WeightFiles } from "./ort/weight-files.ts";
import { attentionDevice, SharedCacheRunner } from "./shared-cache-runner.ts";

/**
 * How a graph keeps its cache. `shared`: GroupQueryAttention appends in place, rows run as a batch. `concat`: the
 * present is a new tensor, rows run one by one.
 */
export type GraphForm = "shared" | "concat";

/** A graph file that was opened and can be run; decides what a lane costs. */
export interface OpenedGraph {
  readonly session: Session;
  readonly graph: DecoderGraph;
  readonly form: GraphForm;
  readonly bytesPerToken: number;
  /** Where the live cache stands: where attention runs. */
  readonly cacheDevice: Device;
  /** What products with weights are computed in. */
  readonly compute: ProductType;
  /** The file and its weights. */
  readonly fileBytes: number;
  readonly path: string;
}

/** The form follows from the operators: names and shapes are the same in both. */
export const formOf = (operators: ReadonlyMap<string, number>): GraphForm =>
  operators.has("GroupQueryAttention") ? "shared" : "concat";

export interface OpenOptions extends Omit<SessionOptions, "weights" | "folder">, ComputeChoice {
  /**
   * Whether the runtime maps weights that stand in files of their own, instead of having them read into memory: less
   * memory while the graph is loaded, but a process that writes to the files then writes into the model, and ends this one by cutting them short.
   */
  readonly mapWeights?: boolean;
  readonly onProgress?: OnLoadProgress;
}

/**
 * Opens a graph. The caller owns the session, until a runner takes it over.
 * @throws InferenceError `engine_failed` naming the file, or `unsupported` for another kind of graph
 */
export function openGraph(path: string, options: OpenOptions): OpenedGraph {
  if (!existsSync(path)) throw new InferenceError("engine_failed", `${path} does not exist.`);
  const { session, form, file } = openSession(path, options);
  try {
    const graph = readDecoderGraph(session, file.headDim);
    const { planes, kvHeads, headDim, cacheType } = graph;
    const bytesPerToken = planes.length * byteLength(cacheType, [kvHeads, headDim]);
    const cacheDevice = form === "shared" ? attentionDevice(session, graph) : session.device;
    const compute = matMulCompute(file, options, cacheType === "float16" ? "fp16" : "fp32");
    return { session, graph, form, bytesPerToken, cacheDevice, compute, fileBytes: file.bytes, path };
  } catch (error) {
    session[Symbol.dispose]();
    throw error;
  }
}

export interface RunnerOptions extends Omit<OnnxRunnerOptions, "compute">, Pick<SessionOptions, "device"> {}

/**
 * The runner for a graph's form, after a first and a second token went through it: a graph that cannot do this is found
 * out before a request asks it. Takes the session over.
 * @throws InferenceError `unsupported` with what ONNX Runtime says
 */
export async function createRunner(opened: OpenedGraph, options: RunnerOptions): Promise<ModelRunner> {
  const { session, graph, form, compute, path } = opened;
  let runner: ModelRunner | undefined;
  try {
    runner =
      form === "shared"
        ? new SharedCacheRunner(session, graph, { ...options, compute })
        : new ConcatCacheRunner(session, graph, { ...options, compute });
    for (const position of [0, 1]) await runner.step([{ lane: 0, tokens: [0], position }]);
    runner.memory.truncate(0, 0);
    return runner;
  } catch (error) {
    if (runner === undefined) session[Symbol.dispose]();
    else await runner[Symbol.asyncDispose]();
    const reason = (error as Error).message;
    throw new InferenceError(
      "unsupported",
      adviseOnDevice(options.device, reason) ??
        `${path} does not run as a decoder with a ${form} cache: ${reason}`,
      { cause: error },
    );
  }
}

function openSession(
  path: string,
  { mapWeights = false, int4Compute, onProgress = () => undefined, ...options }: OpenOptions,
): Pick<OpenedGraph, "session" | "form"> & { readonly file: GraphFile } {
  try {
    const file = readGraphFile(path);
    const { operators, missingFiles, shortFiles } = file;
    if (missingFiles.length > 0)
      throw new Error(`it keeps weights in ${missingFiles.join(", ")}, which must stand beside it`);
    if (shortFiles.length > 0)
      throw new Error(`${shortFiles.join(", ")} beside it is cut short; copy or pull it again`);
    const { device } = options;
    const computed = withCompute(path, file, { device, int4Compute });
    const form = formOf(operators);
    const late = form === "shared" && device === "cpu" ? lateLogits(computed ?? path, file) : undefined;
    const folder = dirname(path);
    using weights = mapWeights ? undefined : readWeights(folder, file, onProgress);
    onProgress({ stage: "preparing", totalBytes: file.bytes });
    const session = new Session(late ?? computed ?? path, { ...options, weights, folder });
    return { session, form, file };
  } catch (error) {
    if (error instanceof InferenceError) throw error;
    const reason = (error as Error).message;
    const advice = adviseOnDevice(options.device, reason) ?? reason;
    throw new InferenceError(
      "engine_failed",
      `${path} cannot be loaded on device '${options.device}': ${advice}.`,
      { cause: error },
    );
  }
}

function readWeights(
  folder: string,
  { dataFiles, bytes: totalBytes }: GraphFile,
  onProgress: OnLoadProgress,
): WeightFiles {
  let bytes = 0;
  if (dataFiles.size > 0) onProgress({ stage: "reading", bytes, totalBytes });
  return new WeightFiles(folder, dataFiles, (count) => {
    bytes += count;
    onProgress({ stage: "reading", bytes, totalBytes });
  });
}

/** A graph that holds so much is left as it is: with its weights in it, it would stand in memory three times. */
const mostLateBytes = 64 * 1024 * 1024;

/**
 * The graph with its logits computed where they are asked for; `undefined` where that would not pay, or cannot be done.
 * @param source the file, or its contents as they were changed
 */
function lateLogits(
  source: string | Uint8Array,
  { outputs, bytes, dataFiles }: GraphFile,
): Uint8Array | undefined {
  const logits = outputs.find(({ name }) => name === "logits");
  const vocabularySize = logits?.shape.at(-1) ?? 0;
  const isLarge = dataFiles.size === 0 && bytes > mostLateBytes;
  if (vocabularySize < leastMeasuredVocabulary || isLarge) return undefined;
  if (logits?.type !== "float32" && logits?.type !== "float16") return undefined;
  const contents = typeof source === "string" ? readFileSync(source) : source;
  return withLateLogits(contents, { logitsType: logits.type, vocabularySize });
}
