import { setImmediate } from "node:timers/promises";
import { checkHeld, checkRoom, wholeOf } from "../../src/kvcache/kv-memory.ts";
import type { KvMemory, KvPart, KvSlice } from "../../src/kvcache/kv-memory.ts";
import { checkBatch } from "../../src/engine/local/check-batch.ts";
import { viewRows } from "../../src/engine/local/runner.ts";
import type { Batch, LogitsView, ModelRunner, PassLimits } from "../../src/engine/local/runner.ts";
import type { TokenIds } from "../../src/core/tokens.ts";
import type { ToyModel } from "./toy-model.ts";

/** A position of a lane that holds nothing valid. */
const garbage = 255;

/** K/V memory whose K/V *is* the token, so a wrong copy gives wrong logits. Gone when its runner says so. */
class ToyMemory implements KvMemory {
  readonly lanes: number;
  readonly capacity: number;
  readonly bytesPerToken = 1;
  readonly cells: Uint8Array[];
  readonly #lengths: number[];
  readonly #checkAccess: () => void;

  constructor({ lanes = 4, capacity = 64 }: ToyRunnerOptions, checkAccess: () => void) {
    this.lanes = lanes;
    this.capacity = capacity;
    this.cells = Array.from({ length: lanes }, () => new Uint8Array(capacity).fill(garbage));
    this.#lengths = Array<number>(lanes).fill(0);
    this.#checkAccess = checkAccess;
  }

  length(lane: number): number {
    return this.#lengths[lane]!;
  }

  /** What the lane held beyond is garbage from now on. */
  settle(lane: number, length: number): void {
    this.#lengths[lane] = length;
    this.cells[lane]!.fill(garbage, length);
  }

  read(lane: number, from: number, to: number): KvSlice {
    this.#checkAccess();
    checkHeld(lane, this.length(lane), to);
    return { length: to - from, bytes: this.cells[lane]!.slice(from, to) };
  }

  write(lane: number, at: number, { slice, from, to }: KvPart): void {
    this.#checkAccess();
    checkHeld(lane, this.length(lane), at);
    const end = at + to - from;
    checkRoom(lane, this.capacity, end);
    this.cells[lane]!.set(slice.bytes.subarray(from, to), at);
    this.#lengths[lane] = Math.max(this.length(lane), end);
  }

  copyLane(source: number, target: number, length: number): void {
    const slice = this.read(source, 0, length);
    this.settle(target, 0);
    this.write(target, 0, wholeOf(slice));
  }

  truncate(lane: number, length: number): void {
    this.#checkAccess();
    checkHeld(lane, this.length(lane), length);
    this.settle(lane, length);
  }
}

export interface ToyRunnerOptions {
  readonly lanes?: number;
  readonly capacity?: number;
  /** 1 as a runner of fixed shape has it. */
  readonly maxRowTokens?: number;
  readonly maxRowLogits?: number;
  readonly longRows?: PassLimits["longRows"];
  /** Logits after such a prefix are NaN. */
  readonly isPoisoned?: (prefix: TokenIds) => boolean;
  /** Called, and waited for, in each pass; may throw. */
  readonly onStep?: (batch: Batch) => void | Promise<void>;
}

/** For `onStep`: a pass that others get to run beside, as they do beside those of a real model. */
export const turn = (): Promise<void> => setImmediate();

/** Runs a toy model on lanes, and holds its caller to the contract of `ModelRunner`. */
export class ToyRunner implements ModelRunner {
  readonly compute = "fp32";
  readonly reproducibility = "bitwise";
  readonly vocabularySize: number;
  readonly limits: PassLimits;
  readonly memory: ToyMemory;
  readonly #model: ToyModel;
  readonly #options: ToyRunnerOptions;
  #isRunning = false;
  #hasFailed = false;
  #isClosed = false;

  constructor(model: ToyModel, options: ToyRunnerOptions = {}) {
    this.#model = model;
    this.#options = options;
    this.vocabularySize = model.vocabularySize;
    const { lanes = 4, maxRowTokens = 64, maxRowLogits = maxRowTokens, longRows = "alone" } = options;
    const others = lanes - 1;
    const [maxTokens, maxLogits] = [others + maxRowTokens, others + maxRowLogits];
    this.limits = { maxRowTokens, maxTokens, maxRowLogits, maxLogits, longRows };
    this.memory = new ToyMemory(options, () => {
      if (this.#isRunning) throw new Error("a running pass owns the memory");
      if (this.#hasFailed || this.#isClosed) throw new Error("the memory is gone");
    });
  }

  async step(batch: Batch): Promise<LogitsView> {
    if (this.#isRunning) throw new Error("a pass is running already");
    if (this.#isClosed) throw new Error("the model is closed");
    checkBatch(batch, this);
    this.#isRunning = true;
    try {
      await this.#options.onStep?.(batch);
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    } finally {
      this.#isRunning = false;
    }
    const rows = batch.map(({ lane, tokens, position, measuredFrom = tokens.length }) => {
      this.memory.cells[lane]!.set(tokens, position);
      this.memory.settle(lane, position + tokens.length);
      const first = Math.min(measuredFrom, tokens.length - 1);
      return tokens.map((_, index) => (index < first ? undefined : this.#logits(lane, position + index + 1)));
    });
    return viewRows((row, index = (rows[row]?.length ?? 0) - 1) => {
      const logits = rows[row]?.[index];
      if (logits === undefined)
        throw new RangeError(`the pass has no logits for token ${index} of row ${row}`);
      return logits;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  #logits(lane: number, length: number): Float32Array {
    const prefix = [...this.memory.cells[lane]!.subarray(0, length)];
    if (prefix.includes(garbage)) return new Float32Array(this.vocabularySize).fill(NaN);
    if (this.#options.isPoisoned?.(prefix) === true) return new Float32Array(this.vocabularySize).fill(NaN);
    return this.#model.logits(prefix);
  }
}
