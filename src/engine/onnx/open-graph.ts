import { existsSync } from "node:fs";
import { InferenceError } from "../../core/errors.ts";
import { BoundPass, shapeOf } from "./bound-pass.ts";
import { byteLength, HostTensor } from "./ort/tensor.ts";
import { Session } from "./ort/session.ts";
import type { SessionOptions } from "./ort/session.ts";
import { readSharedCacheGraph } from "./shared-cache-graph.ts";
import type { SharedCacheGraph } from "./shared-cache-graph.ts";

/** A graph file that was opened and found fit for the shared cache; decides what a lane costs. */
export interface OpenedGraph {
  readonly session: Session;
  readonly graph: SharedCacheGraph;
  readonly bytesPerToken: number;
}

/**
 * Opens a graph and runs one token through it. The caller owns the session.
 * @throws InferenceError `engine_failed` naming the file, or `unsupported` for another kind of graph
 */
export function openSharedCacheGraph(path: string, options: SessionOptions): OpenedGraph {
  if (!existsSync(path)) {
    throw new InferenceError(
      "engine_failed",
      `${path} does not exist. A model folder holds its graph as model.onnx.`,
    );
  }
  const session = openSession(path, options);
  try {
    const graph = readSharedCacheGraph(session);
    const { planes, kvHeads, headDim, cacheType } = graph;
    probe(path, session, graph);
    return { session, graph, bytesPerToken: planes.length * byteLength(cacheType, [kvHeads, headDim]) };
  } catch (error) {
    session[Symbol.dispose]();
    throw error;
  }
}

function openSession(path: string, options: SessionOptions): Session {
  try {
    return new Session(path, options);
  } catch (error) {
    const reason = (error as Error).message;
    throw new InferenceError(
      "engine_failed",
      `${path} cannot be loaded on device '${options.device}': ${reason}`,
      { cause: error },
    );
  }
}

/**
 * One token over a small cache. Graphs that append to the cache by Concat have the same names and shapes as
 * those that share it; only the run tells, because their present is longer than their past.
 */
function probe(path: string, session: Session, graph: SharedCacheGraph): void {
  const { planes, kvHeads, headDim, cacheType, vocabularySize } = graph;
  const capacity = 8;
  const cache = planes.map(() => HostTensor.zeros(cacheType, [1, kvHeads, capacity, headDim]));
  const logits = HostTensor.zeros("float32", [1, vocabularySize]);
  const batch = [{ lane: 0, tokens: [0], position: 0 }];
  try {
    using pass = new BoundPass({ session, graph, cache, logits, capacity }, shapeOf(batch, capacity));
    pass.fill(batch);
    pass.bind();
    session.runSync(pass.binding);
  } catch (error) {
    throw new InferenceError(
      "unsupported",
      `${path} does not run over a shared cache, as graphs with GroupQueryAttention from onnxruntime-genai's model builder do. ONNX Runtime says: ${(error as Error).message}`,
      { cause: error },
    );
  } finally {
    for (const tensor of [...cache, logits]) tensor[Symbol.dispose]();
  }
}
