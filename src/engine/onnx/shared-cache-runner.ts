import type { PlacedKvMemory, RowWindow } from "../../kvcache/placed-kv-memory.ts";
import type { Batch, BatchRow, LogitsView, PassLimits } from "../local/runner.ts";
import { BoundPass, shapeOf } from "./bound-pass.ts";
import type { PassContext } from "./bound-pass.ts";
import { DeviceLiveCache } from "./cache/device-live-cache.ts";
import { openWhereItFits } from "./cache/device-room.ts";
import { HostLiveCache } from "./cache/host-live-cache.ts";
import type { DecoderGraph } from "./graphs/decoder-graph.ts";
import { IdleRows } from "./idle-rows.ts";
import { Logits, openLogitsMemory } from "./logits/logits.ts";
import { OnnxRunner } from "./onnx-runner.ts";
import type { OnnxRunnerOptions } from "./onnx-runner.ts";
import type { Device } from "./ort/device-memory.ts";
import type { Session } from "./ort/session.ts";

/** Bindings kept for reuse. Passes that decode soon repeat their shapes; prefill shapes come and go. */
const maxPasses = 256;

/** Of a row, where not all tokens have logits: what texts to be scored are cut to, 12 MiB at 49,152 tokens. */
const mostLateLogits = 64;

/**
 * Where GroupQueryAttention runs, and the cache with it. CUDA has it in halves alone: in float32 ONNX Runtime gives it
 * to the CPU, and a cache on the device would cross the bus twice a layer.
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
 * and logits that JavaScript measures. The rows of a pass stand side by side in the cache.
 */
export class SharedCacheRunner extends OnnxRunner {
  readonly limits: PassLimits;
  readonly #context: PassContext;
  readonly #isFixedShape: boolean;
  /** By shape, the least recently used first. */
  readonly #passes = new Map<string, BoundPass>();

  constructor(session: Session, graph: DecoderGraph, options: OnnxRunnerOptions) {
    super(session, graph, options);
    const { lanes, isFixedShape = false } = options;
    const maxRowTokens = isFixedShape ? 1 : options.maxRowTokens;
    const maxTokens = Math.max(lanes, maxRowTokens);
    const { logitsType, vocabularySize, takesLogitTokens } = graph;
    const maxRowLogits = takesLogitTokens ? Math.min(maxRowTokens, mostLateLogits) : maxRowTokens;
    const maxLogits = Math.max(lanes, maxRowLogits);
    // Rows of unequal lengths together are proved on the CPU and by WebGPU; nobody has run them on CUDA yet.
    const longRows = attentionDevice(session, graph) === "cuda" ? "alone" : "fresh";
    this.limits = { maxRowTokens, maxTokens, maxRowLogits, maxLogits, longRows };
    this.#isFixedShape = isFixedShape;
    const logits = new Logits(
      openLogitsMemory(session, { logitsType, tokens: maxLogits, vocabularySize }),
      session,
    );
    const cache =
      attentionDevice(session, graph) === "cpu"
        ? new HostLiveCache(graph, options)
        : openWhereItFits(options, (size) => new DeviceLiveCache(session, graph, size));
    this.#context = { session, graph, cache, logits };
  }

  get memory(): PlacedKvMemory {
    return this.#context.cache.memory;
  }

  protected async run(batch: Batch): Promise<LogitsView> {
    const { session, cache, logits } = this.#context;
    const idle = new IdleRows(this.memory);
    const all = this.#isFixedShape ? idle.addTo(batch) : batch;
    const window = cache.place(all.map(({ lane }) => lane));
    const placeOf = ({ lane }: BatchRow): number => this.memory.rowOf(lane) - window.first;
    const rows: BatchRow[] = [];
    for (const row of all) rows[placeOf(row)] = row;
    const pass = this.#passFor(rows, window);
    const spans = pass.fill(rows);
    // The CPU reads inputs when it runs, other devices when they are bound.
    if (session.device !== "cpu") pass.bindInputs();
    await pass.run();
    const layout = { rows, spans };
    await logits.measure(layout);
    idle.restore();
    for (const { lane, position, tokens } of batch) this.memory.settle(lane, position + tokens.length);
    return logits.view(layout, batch.map(placeOf));
  }

  protected release(): void {
    for (const pass of this.#passes.values()) pass[Symbol.dispose]();
    this.#passes.clear();
    const { cache, logits } = this.#context;
    for (const owned of [cache, logits]) owned[Symbol.dispose]();
  }

  /** The bound tensors for a batch's shape and place; made at first use. */
  #passFor(rows: Batch, window: RowWindow): BoundPass {
    const shape = shapeOf(rows, window.first, this.#context);
    const key = Object.values(shape).join("/");
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
