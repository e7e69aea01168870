import { existsSync } from "node:fs";
import { InferenceError } from "../../core/errors.ts";
import { HostKvMemory } from "../../kvcache/host-kv-memory.ts";
import type { KvMemory } from "../../kvcache/kv-memory.ts";
import type { Batch, LogitsView, ModelRunner } from "../runner.ts";
import { elementTypes } from "./ort/element-type.ts";
import type { IoBinding } from "./ort/io-binding.ts";
import { Session } from "./ort/session.ts";
import type { Device } from "./ort/session.ts";
import { HostTensor } from "./ort/tensor.ts";
import { readSharedCacheGraph } from "./shared-cache-graph.ts";
import type { SharedCacheGraph } from "./shared-cache-graph.ts";

export interface SharedCacheRunnerOptions {
  readonly device: Device;
  /** Native threads of one pass. */
  readonly threads: number;
  readonly lanes: number;
  /** Tokens per lane. */
  readonly capacity: number;
  /** The longest row of a pass, tokens. */
  readonly maxRowTokens: number;
}

/** The small inputs of a pass, at one shape; only their contents change from pass to pass. */
interface BoundPass extends Disposable {
  readonly binding: IoBinding;
  readonly ids: BigInt64Array;
  readonly mask: BigInt64Array;
  readonly positions: BigInt64Array | undefined;
}

/** Masks are made this many tokens wider than needed, so that a binding serves as many passes. */
const maskStep = 64;
/** Bindings kept for reuse. Passes that decode soon repeat their shapes; prefill shapes come and go. */
const maxBindings = 256;

/**
 * Runs graphs with GroupQueryAttention over one preallocated cache: the same memory is bound as past and as
 * present, and attention appends in place. Nothing is copied in a pass but token ids, mask and logits.
 */
export class SharedCacheRunner implements ModelRunner {
  readonly vocabularySize: number;
  readonly maxRowTokens: number;
  readonly memory: KvMemory;
  readonly #session: Session;
  readonly #graph: SharedCacheGraph;
  /** [lanes, kvHeads, capacity, headDim] each, in the order of the graph's planes. */
  readonly #cache: readonly HostTensor[];
  readonly #logits: HostTensor;
  readonly #bindings = new Map<string, BoundPass>();
  #isRunning = false;
  #isClosed = false;

  constructor(session: Session, graph: SharedCacheGraph, options: SharedCacheRunnerOptions) {
    const { planes, kvHeads, headDim, cacheType, vocabularySize } = graph;
    const { lanes, capacity, maxRowTokens } = options;
    this.#session = session;
    this.#graph = graph;
    this.#cache = planes.map(() => HostTensor.zeros(cacheType, [lanes, kvHeads, capacity, headDim]));
    this.#logits = HostTensor.zeros("float32", [Math.max(lanes, maxRowTokens), vocabularySize]);
    this.vocabularySize = vocabularySize;
    this.maxRowTokens = maxRowTokens;
    this.memory = new HostKvMemory({
      planes: this.#cache.map(({ bytes }) => bytes),
      lanes,
      heads: kvHeads,
      capacity,
      rowBytes: headDim * elementTypes[cacheType].bytes,
    });
  }

  async step(batch: Batch): Promise<LogitsView> {
    if (this.#isRunning) throw new Error("a pass is running already");
    if (this.#isClosed) throw new InferenceError("engine_failed", "The model is closed.");
    const rowTokens = batch[0]!.tokens.length;
    const pass = this.#bind(batch, rowTokens);
    fill(pass, batch);
    this.#isRunning = true;
    try {
      await this.#session.run(pass.binding);
    } catch (error) {
      throw new InferenceError("engine_failed", `ONNX Runtime failed: ${(error as Error).message}`, {
        cause: error,
      });
    } finally {
      this.#isRunning = false;
    }
    const logits = this.#logits.asFloat32();
    const size = this.vocabularySize;
    return {
      row: (row, index = rowTokens - 1) => {
        const start = (row * rowTokens + index) * size;
        return logits.subarray(start, start + size);
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      for (const bound of this.#bindings.values()) bound[Symbol.dispose]();
      this.#bindings.clear();
      for (const tensor of [...this.#cache, this.#logits]) tensor[Symbol.dispose]();
      this.#session[Symbol.dispose]();
    }
    return Promise.resolve();
  }

  /** The binding for a batch's shape and place; made at first use. */
  #bind(batch: Batch, rowTokens: number): BoundPass {
    const firstLane = batch[0]!.lane;
    const longest = Math.max(...batch.map(({ position, tokens }) => position + tokens.length));
    const maskWidth = Math.min(this.memory.capacity, Math.ceil(longest / maskStep) * maskStep);
    const key = `${firstLane}/${batch.length}/${rowTokens}/${maskWidth}`;
    const known = this.#bindings.get(key);
    if (known !== undefined) return known;
    if (this.#bindings.size >= maxBindings) this.#dropOldest();
    const bound = this.#createBinding({ firstLane, rows: batch.length, rowTokens, maskWidth });
    this.#bindings.set(key, bound);
    return bound;
  }

  #dropOldest(): void {
    const [key, bound] = this.#bindings.entries().next().value!;
    this.#bindings.delete(key);
    bound[Symbol.dispose]();
  }

  #createBinding(shape: {
    firstLane: number;
    rows: number;
    rowTokens: number;
    maskWidth: number;
  }): BoundPass {
    const { firstLane, rows, rowTokens, maskWidth } = shape;
    const { planes, kvHeads, headDim, cacheType, vocabularySize, takesPositions } = this.#graph;
    const { capacity } = this.memory;
    const binding = this.#session.createBinding();
    const ids = HostTensor.zeros("int64", [rows, rowTokens]);
    const mask = HostTensor.zeros("int64", [rows, maskWidth]);
    const positions = takesPositions ? HostTensor.zeros("int64", [rows, rowTokens]) : undefined;
    const logits = HostTensor.over(this.#logits, 0, [rows, rowTokens, vocabularySize]);
    const owned = [ids, mask, logits, ...(positions === undefined ? [] : [positions])];
    binding.bindInput("input_ids", ids);
    binding.bindInput("attention_mask", mask);
    if (positions !== undefined) binding.bindInput("position_ids", positions);
    binding.bindOutput("logits", logits);
    const laneBytes = kvHeads * capacity * headDim * elementTypes[cacheType].bytes;
    for (const [index, { past, present }] of planes.entries()) {
      const view = HostTensor.over(this.#cache[index]!, firstLane * laneBytes, [
        rows,
        kvHeads,
        capacity,
        headDim,
      ]);
      binding.bindInput(past, view);
      binding.bindOutput(present, view);
      owned.push(view);
    }
    return {
      binding,
      ids: ids.asBigInt64(),
      mask: mask.asBigInt64(),
      positions: positions?.asBigInt64(),
      [Symbol.dispose]: () => {
        binding[Symbol.dispose]();
        for (const tensor of owned) tensor[Symbol.dispose]();
      },
    };
  }
}

/** Writes ids, positions and the mask: a row's valid tokens are ones, the padding to their right zeros. */
function fill({ ids, mask, positions }: BoundPass, batch: Batch): void {
  const maskWidth = mask.length / batch.length;
  let next = 0;
  for (const [row, { tokens, position }] of batch.entries()) {
    for (const [index, token] of tokens.entries()) {
      ids[next] = BigInt(token);
      if (positions !== undefined) positions[next] = BigInt(position + index);
      next++;
    }
    const start = row * maskWidth;
    mask.fill(1n, start, start + position + tokens.length);
    mask.fill(0n, start + position + tokens.length, start + maskWidth);
  }
}

/** A graph file that was opened and found fit for the shared cache; decides what a lane costs. */
export interface OpenedGraph {
  readonly session: Session;
  readonly graph: SharedCacheGraph;
  readonly bytesPerToken: number;
}

/** @throws InferenceError `engine_failed` naming the file, or `unsupported` for another kind of graph */
export function openSharedCacheGraph(
  path: string,
  options: { device: Device; threads: number },
): OpenedGraph {
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
    return {
      session,
      graph,
      bytesPerToken: planes.length * kvHeads * headDim * elementTypes[cacheType].bytes,
    };
  } catch (error) {
    session[Symbol.dispose]();
    throw error;
  }
}

function openSession(path: string, options: { device: Device; threads: number }): Session {
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
