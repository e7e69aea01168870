import { InferenceError } from "../../core/errors.ts";
import { HostKvMemory } from "../../kvcache/host-kv-memory.ts";
import type { KvMemory } from "../../kvcache/kv-memory.ts";
import type { Batch, LogitsView, ModelRunner } from "../runner.ts";
import { BoundPass, shapeOf } from "./bound-pass.ts";
import type { PassContext } from "./bound-pass.ts";
import { checkBatch } from "./check-batch.ts";
import type { DecoderGraph } from "./decoder-graph.ts";
import { Logits } from "./logits.ts";
import { elementTypes } from "./ort/element-type.ts";
import type { Device, Session } from "./ort/session.ts";
import { HostTensor } from "./ort/tensor.ts";

export interface SharedCacheRunnerOptions {
  readonly device: Device;
  readonly lanes: number;
  /** Tokens per lane. */
  readonly capacity: number;
  /** The longest row of a pass, tokens. */
  readonly maxRowTokens: number;
}

/** Bindings kept for reuse. Passes that decode soon repeat their shapes; prefill shapes come and go. */
const maxPasses = 256;

/**
 * A pass whose shape last took less than this runs on the calling thread. Handing a call to another thread and
 * waking up again costs 0.05 to 0.2 ms: more than a whole step of a small model (3 layers of width 96, one row:
 * 0.08 ms on this thread, 0.2 ms through another).
 */
const shortPassMs = 0.5;

/**
 * Runs graphs with GroupQueryAttention over one preallocated cache: the same memory is bound as past and as
 * present, and attention appends in place. On the CPU nothing is copied in a pass but token ids, mask and
 * logits. On other devices ONNX Runtime moves the lanes of the batch there and back in every pass.
 */
export class SharedCacheRunner implements ModelRunner {
  readonly vocabularySize: number;
  readonly maxRowTokens: number;
  readonly memory: KvMemory;
  readonly #context: PassContext;
  readonly #device: Device;
  /** By shape, the least recently used first. */
  readonly #passes = new Map<string, BoundPass>();
  #running: Promise<void> | undefined;
  #isClosed = false;

  /** Takes the session over: closing the runner closes it. */
  constructor(session: Session, graph: DecoderGraph, options: SharedCacheRunnerOptions) {
    const { planes, kvHeads, headDim, cacheType, logitsType, vocabularySize } = graph;
    const { device, lanes, capacity, maxRowTokens } = options;
    const cache = planes.map(() => HostTensor.zeros(cacheType, [lanes, kvHeads, capacity, headDim]));
    const logits = new Logits(logitsType, Math.max(lanes, maxRowTokens), vocabularySize);
    this.#context = { session, graph, cache, logits, capacity };
    this.#device = device;
    this.vocabularySize = vocabularySize;
    this.maxRowTokens = maxRowTokens;
    this.memory = new HostKvMemory({
      planes: cache.map(({ bytes }) => bytes),
      lanes,
      heads: kvHeads,
      capacity,
      rowBytes: headDim * elementTypes[cacheType].bytes,
    });
  }

  async step(batch: Batch): Promise<LogitsView> {
    if (this.#running !== undefined) throw new Error("a pass is running already");
    if (this.#isClosed) throw new InferenceError("engine_failed", "The model is closed.");
    const { lanes, capacity } = this.memory;
    checkBatch(batch, { lanes, capacity, maxRowTokens: this.maxRowTokens });
    this.#running = this.#run(batch);
    try {
      await this.#running;
    } finally {
      this.#running = undefined;
    }
    return this.#context.logits.view(batch.length, batch[0]!.tokens.length);
  }

  /** Waits for the pass in flight: the native side still works on the memory that goes with the runner. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#running?.catch(() => undefined);
    for (const pass of this.#passes.values()) pass[Symbol.dispose]();
    this.#passes.clear();
    const { session, cache, logits } = this.#context;
    for (const tensor of [...cache, logits]) tensor[Symbol.dispose]();
    session[Symbol.dispose]();
  }

  async #run(batch: Batch): Promise<void> {
    const { session } = this.#context;
    try {
      const pass = this.#passFor(batch);
      pass.fill(batch);
      // Other devices read inputs when they are bound, the CPU when it runs.
      if (this.#device !== "cpu") pass.bind();
      const started = performance.now();
      if (pass.durationMs < shortPassMs) session.runSync(pass.binding);
      else await session.run(pass.binding);
      pass.durationMs = performance.now() - started;
    } catch (error) {
      throw new InferenceError("engine_failed", `ONNX Runtime failed: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** The bound tensors for a batch's shape and place; made at first use. */
  #passFor(batch: Batch): BoundPass {
    const shape = shapeOf(batch, this.memory.capacity);
    const key = `${shape.firstLane}/${shape.rows}/${shape.rowTokens}/${shape.maskWidth}`;
    const pass = this.#passes.get(key) ?? new BoundPass(this.#context, shape);
    this.#passes.delete(key);
    this.#passes.set(key, pass);
    if (this.#passes.size > maxPasses) this.#dropOldest();
    return pass;
  }

  #dropOldest(): void {
    const [key, pass] = this.#passes.entries().next().value!;
    this.#passes.delete(key);
    pass[Symbol.dispose]();
  }
}
