import { InferenceError } from "../../core/errors.ts";
import type { KvMemory } from "../../kvcache/kv-memory.ts";
import type { Batch, BatchRow, LogitsView, ModelRunner } from "../local/runner.ts";
import { BoundPass, shapeOf } from "./bound-pass.ts";
import type { PassContext } from "./bound-pass.ts";
import { checkBatch } from "./check-batch.ts";
import type { DecoderGraph } from "./graphs/decoder-graph.ts";
import { passFailure } from "./device-failure.ts";
import { DeviceLiveCache } from "./cache/device-live-cache.ts";
import { openWhereItFits } from "./cache/device-room.ts";
import { HostLiveCache } from "./cache/live-cache.ts";
import type { LiveCacheSize } from "./cache/live-cache.ts";
import { Logits, openLogitsMemory } from "./logits/logits.ts";
import type { Device } from "./ort/device-memory.ts";
import type { Session } from "./ort/session.ts";

export interface SharedCacheRunnerOptions extends LiveCacheSize {
  /** The longest row of a pass, tokens. */
  readonly maxRowTokens: number;
}

/** Bindings kept for reuse. Passes that decode soon repeat their shapes; prefill shapes come and go. */
const maxPasses = 256;

/**
 * Where GroupQueryAttention runs, and the cache with it. CUDA has it in halves alone: in float32 ONNX Runtime gives it to
 * the CPU, and a cache on the device would cross the bus twice a layer.
 */
export function attentionDevice(
  { device }: Pick<Session, "device">,
  { cacheType }: Pick<DecoderGraph, "cacheType">,
): Device {
  return device === "cuda" && cacheType === "float32" ? "cpu" : device;
}

/**
 * Runs graphs with GroupQueryAttention over one preallocated cache where attention runs: the same memory is bound as
 * past and as present, and attention appends in place. Nothing is copied in a pass but token ids, the mask,
 * and logits that JavaScript measures.
 */
export class SharedCacheRunner implements ModelRunner {
  readonly vocabularySize: number;
  readonly maxRowTokens: number;
  readonly #context: PassContext;
  /** By shape, the least recently used first. */
  readonly #passes = new Map<string, BoundPass>();
  #running: Promise<readonly number[]> | undefined;
  #isClosed = false;

  /** Takes the session over: closing the runner closes it. */
  constructor(session: Session, graph: DecoderGraph, options: SharedCacheRunnerOptions) {
    const { logitsType, vocabularySize } = graph;
    const { lanes, maxRowTokens } = options;
    const tokens = Math.max(lanes, maxRowTokens);
    const logits = new Logits(
      openLogitsMemory(session, { logitsType, tokens, vocabularySize }),
      session.threads,
    );
    const cache =
      attentionDevice(session, graph) === "cpu"
        ? new HostLiveCache(graph, options)
        : openWhereItFits(options, (size) => new DeviceLiveCache(session, graph, size));
    this.#context = { session, graph, cache, logits };
    this.vocabularySize = vocabularySize;
    this.maxRowTokens = maxRowTokens;
  }

  get memory(): KvMemory {
    return this.#context.cache.memory;
  }

  async step(batch: Batch): Promise<LogitsView> {
    if (this.#running !== undefined) throw new Error("a pass is running already");
    if (this.#isClosed) throw new InferenceError("engine_failed", "The model is closed.");
    const { maxRowTokens, vocabularySize } = this;
    const { lanes, capacity } = this.memory;
    checkBatch(batch, { lanes, capacity, maxRowTokens, vocabularySize });
    this.#running = this.#run(batch);
    let offsets: readonly number[];
    try {
      offsets = await this.#running;
    } finally {
      this.#running = undefined;
    }
    const logits = this.#context.logits.view(batch.length, batch[0]!.tokens.length);
    return {
      row: (row, index) => logits.row(offsets[row] ?? row, index),
      distribution: (row, index, inverseTemperature) =>
        logits.distribution(offsets[row] ?? row, index, inverseTemperature),
    };
  }

  /** Waits for the pass in flight: the native side still works on the memory that goes with the runner. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#running?.catch(() => undefined);
    for (const pass of this.#passes.values()) pass[Symbol.dispose]();
    this.#passes.clear();
    const { session, cache, logits } = this.#context;
    for (const owned of [cache, logits, session]) owned[Symbol.dispose]();
  }

  /** @returns where the logits of each row of the batch stand */
  async #run(batch: Batch): Promise<readonly number[]> {
    const { session, cache, logits } = this.#context;
    try {
      const { firstRow, offsets } = cache.place(batch);
      const placed: BatchRow[] = [];
      for (const [index, row] of batch.entries()) placed[offsets[index]!] = row;
      const pass = this.#passFor(placed, firstRow);
      pass.fill(placed);
      // The CPU reads inputs when it runs, other devices when they are bound.
      if (session.device !== "cpu") pass.bindInputs();
      await pass.run();
      await logits.measure(placed);
      return offsets;
    } catch (error) {
      throw passFailure(session.device, error);
    }
  }

  /** The bound tensors for a batch's shape and place; made at first use. */
  #passFor(batch: Batch, firstRow: number): BoundPass {
    const shape = shapeOf(batch, firstRow, this.memory.capacity);
    const key = `${shape.firstRow}/${shape.rows}/${shape.rowTokens}/${shape.maskWidth}`;
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
