import { InferenceError } from "../../core/errors.ts";
import type { KvMemory } from "../../kvcache/kv-memory.ts";
import { checkBatch } from "../local/check-batch.ts";
import type { Reproducibility } from "../engine.ts";
import type { ProductType } from "../health.ts";
import type { Batch, LogitsView, ModelRunner, PassLimits } from "../local/runner.ts";
import type { LiveCacheSize } from "./cache/live-cache.ts";
import { passFailure } from "./device-failure.ts";
import type { DecoderGraph } from "./graphs/decoder-graph.ts";
import type { Session } from "./ort/session.ts";

export interface OnnxRunnerOptions extends LiveCacheSize {
  /** What the graph's products with weights are computed in. */
  readonly compute: ProductType;
  /** The longest row of a pass, tokens. */
  readonly maxRowTokens: number;
  /**
   * Gives every pass the same shape, one token a row. Kernels chosen by shape then round alike, so that logits depend
   * on nothing but the prefix; a pass always costs a full one.
   */
  readonly isFixedShape?: boolean;
}

/**
 * What the runners of both forms of graph owe their callers: passes that are checked, one at a time, none once closed.
 */
export abstract class OnnxRunner implements ModelRunner {
  readonly vocabularySize: number;
  readonly compute: ProductType;
  readonly reproducibility: Reproducibility;
  abstract readonly limits: PassLimits;
  abstract readonly memory: KvMemory;
  protected readonly session: Session;
  #running: Promise<LogitsView> | undefined;
  #isClosed = false;

  /** Takes the session over: closing the runner closes it. */
  constructor(
    session: Session,
    { vocabularySize }: DecoderGraph,
    { compute, isFixedShape = false }: Pick<OnnxRunnerOptions, "compute" | "isFixedShape">,
  ) {
    this.session = session;
    this.vocabularySize = vocabularySize;
    this.compute = compute;
    this.reproducibility = isFixedShape ? "bitwise" : compute === "int8" ? "approximate" : "rounding";
  }

  async step(batch: Batch): Promise<LogitsView> {
    if (this.#running !== undefined) throw new Error("a pass is running already");
    this.checkOpen();
    checkBatch(batch, this);
    this.#running = this.run(batch);
    try {
      return await this.#running;
    } catch (error) {
      throw error instanceof InferenceError ? error : passFailure(this.session.device, error);
    } finally {
      this.#running = undefined;
    }
  }

  /** Waits for the pass in flight: the native side still works on the memory that goes with the runner. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#running?.catch(() => undefined);
    this.release();
    this.session[Symbol.dispose]();
  }

  /** Runs a batch that keeps the limits. */
  protected abstract run(batch: Batch): Promise<LogitsView>;

  /** Lets go of everything but the session. */
  protected abstract release(): void;

  /** @throws InferenceError `engine_failed` once the runner was closed */
  protected checkOpen(): void {
    if (this.#isClosed) throw new InferenceError("engine_failed", "The model is closed.");
  }
}
