import { InferenceError } from "../../core/errors.ts";
import type { KvMemory } from "../../kvcache/kv-memory.ts";
import type { Batch, BatchRow, LogitsView, ModelRunner } from "../local/runner.ts";
import { checkBatch } from "./check-batch.ts";
import { HostConcatCache } from "./cache/concat-cache.ts";
import type { ConcatCache } from "./cache/concat-cache.ts";
import type { DecoderGraph } from "./graphs/decoder-graph.ts";
import { passFailure } from "./device-failure.ts";
import { DeviceConcatCache } from "./cache/device-concat-cache.ts";
import { openWhereItFits } from "./cache/device-room.ts";
import type { LiveCacheSize } from "./cache/live-cache.ts";
import { Logits } from "./logits/logits.ts";
import { HostLogitsMemory } from "./logits/logits-memory.ts";
import type { IoBinding } from "./ort/io-binding.ts";
import type { Session } from "./ort/session.ts";
import { HostTensor } from "./ort/tensor.ts";
import type { Tensor } from "./ort/tensor.ts";

export interface ConcatCacheRunnerOptions extends LiveCacheSize {
  /** The longest row of a pass, tokens. */
  readonly maxRowTokens: number;
}

/** A row that last took less than this runs on the calling thread; see the shared-cache runner. */
const shortRowMs = 0.5;

/**
 * Runs graphs that append to their cache by Concat: past [1, heads, P, d] gives present [1, heads, P+S, d]. Rows run
 * one after the other, for a batch would need pasts of one length. What a row wrote is bound as it is as the
 * past of the next, where the graph runs; only the graph's own Concat copies.
 */
export class ConcatCacheRunner implements ModelRunner {
  readonly vocabularySize: number;
  readonly maxRowTokens: number;
  readonly #session: Session;
  readonly #graph: DecoderGraph;
  readonly #cache: ConcatCache;
  readonly #logits: Logits;
  readonly #binding: IoBinding;
  /** How long the last row of one token took. */
  #rowMs = Infinity;
  #running: Promise<void> | undefined;
  #isClosed = false;

  /** Takes the session over: closing the runner closes it. */
  constructor(session: Session, graph: DecoderGraph, options: ConcatCacheRunnerOptions) {
    const { logitsType, vocabularySize } = graph;
    const { lanes, maxRowTokens } = options;
    this.#session = session;
    this.#graph = graph;
    this.#cache =
      session.device === "cpu"
        ? new HostConcatCache(graph, options)
        : openWhereItFits(options, (size) => new DeviceConcatCache(session, graph, size));
    const tokens = Math.max(lanes, maxRowTokens);
    // Rows are written one by one, where a device's tensors cannot begin.
    const memory = new HostLogitsMemory({ logitsType, tokens, vocabularySize });
    this.#logits = new Logits(memory, session.threads);
    this.#binding = session.createBinding();
    this.vocabularySize = vocabularySize;
    this.maxRowTokens = maxRowTokens;
  }

  get memory(): KvMemory {
    return this.#cache.memory;
  }

  async step(batch: Batch): Promise<LogitsView> {
    if (this.#running !== undefined) throw new Error("a pass is running already");
    if (this.#isClosed) throw new InferenceError("engine_failed", "The model is closed.");
    const { maxRowTokens, vocabularySize } = this;
    const { lanes, capacity } = this.memory;
    checkBatch(batch, { lanes, capacity, maxRowTokens, vocabularySize });
    this.#running = this.#run(batch);
    try {
      await this.#running;
    } finally {
      this.#running = undefined;
    }
    return this.#logits.view(batch.length, batch[0]!.tokens.length);
  }

  /** Waits for the row in flight: the native side still works on the memory that goes with the runner. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#running?.catch(() => undefined);
    for (const owned of [this.#binding, this.#logits, this.#cache, this.#session]) owned[Symbol.dispose]();
  }

  async #run(batch: Batch): Promise<void> {
    for (const [row, batchRow] of batch.entries()) {
      if (this.#isClosed) throw new InferenceError("engine_failed", "The model is closed.");
      // Its K/V is there already, and nobody looks at its logits.
      if (batchRow.isIdle !== true) await this.#runRow(batchRow, row);
    }
    await this.#logits.measure(batch);
  }

  async #runRow({ lane, tokens, position }: BatchRow, row: number): Promise<void> {
    const past = this.#cache.past(lane, position);
    const bound = this.#bind(past, { tokens, position, row });
    const started = performance.now();
    try {
      if (tokens.length === 1 && this.#rowMs < shortRowMs) this.#session.runSync(this.#binding);
      else await this.#session.run(this.#binding);
    } catch (error) {
      throw passFailure(this.#session.device, error);
    } finally {
      this.#binding.clear();
      for (const tensor of bound) tensor[Symbol.dispose]();
    }
    if (tokens.length === 1) this.#rowMs = performance.now() - started;
    this.#cache.adopt(lane, position + tokens.length);
  }

  /** Binds a row's tensors, and gives them back to be released after the run. */
  #bind(
    past: readonly Tensor[],
    { tokens, position, row }: Pick<BatchRow, "tokens" | "position"> & { row: number },
  ): Tensor[] {
    const { planes, takesPositions } = this.#graph;
    const bound: Tensor[] = [];
    const input = (name: string, tensor: Tensor): void => {
      bound.push(tensor);
      this.#binding.bindInput(name, tensor);
    };
    const output = (name: string, tensor: Tensor): void => {
      bound.push(tensor);
      this.#binding.bindOutput(name, tensor);
    };
    const total = position + tokens.length;
    input("input_ids", oneRow(tokens));
    input("attention_mask", oneRow(Array<number>(total).fill(1)));
    if (takesPositions) input("position_ids", oneRow(tokens.map((_, index) => position + index)));
    output("logits", this.#logits.tensor(row, 1, tokens.length));
    const present = this.#cache.present(total);
    for (const [index, names] of planes.entries()) {
      input(names.past, past[index]!);
      output(names.present, present[index]!);
    }
    return bound;
  }
}

const oneRow = (values: readonly number[]): HostTensor => HostTensor.integers(values, [1, values.length]);
