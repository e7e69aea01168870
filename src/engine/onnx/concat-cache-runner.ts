import { InferenceError } from "../../core/errors.ts";
import { CompactKvMemory } from "../../kvcache/compact-kv-memory.ts";
import type { KvMemory } from "../../kvcache/kv-memory.ts";
import type { Batch, BatchRow, LogitsView, ModelRunner } from "../runner.ts";
import { checkBatch } from "./check-batch.ts";
import type { DecoderGraph } from "./decoder-graph.ts";
import { passFailure } from "./device-failure.ts";
import { Logits } from "./logits.ts";
import { elementTypes } from "./ort/element-type.ts";
import type { IoBinding } from "./ort/io-binding.ts";
import type { Session } from "./ort/session.ts";
import { HostTensor } from "./ort/tensor.ts";

export interface ConcatCacheRunnerOptions {
  readonly lanes: number;
  /** Tokens per lane. */
  readonly capacity: number;
  /** The longest row of a pass, tokens. */
  readonly maxRowTokens: number;
}

/** A row that last took less than this runs on the calling thread; see the shared-cache runner. */
const shortRowMs = 0.5;

/**
 * Runs graphs that append to their cache by Concat: past [1, heads, P, d] gives present [1, heads, P+S, d]. Rows run
 * one after the other, for a batch would need pasts of one length. What a row wrote is bound as it is as the
 * past of the next; only the graph's own Concat copies.
 */
export class ConcatCacheRunner implements ModelRunner {
  readonly vocabularySize: number;
  readonly maxRowTokens: number;
  readonly #session: Session;
  readonly #graph: DecoderGraph;
  readonly #memory: CompactKvMemory;
  readonly #logits: Logits;
  readonly #binding: IoBinding;
  /** How long the last row of one token took. */
  #rowMs = Infinity;
  #running: Promise<void> | undefined;
  #isClosed = false;

  /** Takes the session over: closing the runner closes it. */
  constructor(session: Session, graph: DecoderGraph, options: ConcatCacheRunnerOptions) {
    const { planes, kvHeads, headDim, cacheType, logitsType, vocabularySize } = graph;
    const { lanes, capacity, maxRowTokens } = options;
    this.#session = session;
    this.#graph = graph;
    this.#memory = new CompactKvMemory({
      planes: planes.length,
      lanes,
      heads: kvHeads,
      capacity,
      rowBytes: headDim * elementTypes[cacheType].bytes,
    });
    const tokens = Math.max(lanes, maxRowTokens);
    this.#logits = new Logits({ type: logitsType, tokens, vocabularySize, threads: session.threads });
    this.#binding = session.createBinding();
    this.vocabularySize = vocabularySize;
    this.maxRowTokens = maxRowTokens;
  }

  get memory(): KvMemory {
    return this.#memory;
  }

  async step(batch: Batch): Promise<LogitsView> {
    if (this.#running !== undefined) throw new Error("a pass is running already");
    if (this.#isClosed) throw new InferenceError("engine_failed", "The model is closed.");
    const { maxRowTokens, vocabularySize } = this;
    const { lanes, capacity } = this.#memory;
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
    this.#binding[Symbol.dispose]();
    this.#logits[Symbol.dispose]();
    this.#session[Symbol.dispose]();
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
    const past = this.#memory.head(lane, position);
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
    this.#memory.adopt(lane, position + tokens.length);
  }

  /** Binds a row's tensors, and gives them back to be released after the run. */
  #bind(
    past: readonly Uint8Array[],
    { tokens, position, row }: Pick<BatchRow, "tokens" | "position"> & { row: number },
  ): HostTensor[] {
    const { planes, kvHeads, headDim, cacheType, takesPositions } = this.#graph;
    const bound: HostTensor[] = [];
    const input = (name: string, tensor: HostTensor): void => {
      bound.push(tensor);
      this.#binding.bindInput(name, tensor);
    };
    const output = (name: string, tensor: HostTensor): void => {
      bound.push(tensor);
      this.#binding.bindOutput(name, tensor);
    };
    const total = position + tokens.length;
    input("input_ids", integers(tokens));
    input("attention_mask", integers(Array<number>(total).fill(1)));
    if (takesPositions) input("position_ids", integers(tokens.map((_, index) => position + index)));
    output("logits", this.#logits.tensor(row, 1, tokens.length));
    for (const [index, { past: pastName, present }] of planes.entries()) {
      input(pastName, HostTensor.of(cacheType, [1, kvHeads, position, headDim], past[index]!));
      output(present, HostTensor.of(cacheType, [1, kvHeads, total, headDim], this.#memory.spare[index]!));
    }
    return bound;
  }
}

/** One row of int64. */
function integers(values: readonly number[]): HostTensor {
  const tensor = HostTensor.zeros("int64", [1, values.length]);
  tensor.asBigInt64().set(values.map(BigInt));
  return tensor;
}
