import { setImmediate } from "node:timers/promises";
import type { KvMemory, KvSlice } from "../../src/kvcache/kv-memory.ts";
import { viewRows } from "../../src/engine/local/runner.ts";
import type { Batch, LogitsView, ModelRunner } from "../../src/engine/local/runner.ts";
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
  readonly #checkAccess: () => void;

  constructor({ lanes = 4, capacity = 64 }: ToyRunnerOptions, checkAccess: () => void) {
    this.lanes = lanes;
    this.capacity = capacity;
    this.cells = Array.from({ length: lanes }, () => new Uint8Array(capacity).fill(garbage));
    this.#checkAccess = checkAccess;
  }

  read(lane: number, from: number, to: number): KvSlice {
    this.#checkAccess();
    return { length: to - from, bytes: this.cells[lane]!.slice(from, to) };
  }

  // eslint-disable-next-line max-params -- the interface's
  write(lane: number, at: number, slice: KvSlice, from: number, to: number): void {
    this.#checkAccess();
    this.cells[lane]!.set(slice.bytes.subarray(from, to), at);
  }

  copyLane(source: number, target: number, length: number): void {
    this.#checkAccess();
    this.cells[target]!.set(this.cells[source]!.subarray(0, length));
  }
}

export interface ToyRunnerOptions {
  readonly lanes?: number;
  readonly capacity?: number;
  readonly maxRowTokens?: number;
  /** Logits after such a prefix are NaN. */
  readonly isPoisoned?: (prefix: TokenIds) => boolean;
  /** Called, and waited for, in each pass; may throw. */
  readonly onStep?: (batch: Batch) => void | Promise<void>;
}

/** For `onStep`: a pass that others get to run beside, as they do beside those of a real model. */
export const turn = (): Promise<void> => setImmediate();

/** Runs a toy model on lanes, and holds its caller to the contract of `ModelRunner`. */
export class ToyRunner implements ModelRunner {
  readonly vocabularySize: number;
  readonly maxRowTokens: number;
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
    this.maxRowTokens = options.maxRowTokens ?? 64;
    this.memory = new ToyMemory(options, () => {
      if (this.#isRunning) throw new Error("a running pass owns the memory");
      if (this.#hasFailed || this.#isClosed) throw new Error("the memory is gone");
    });
  }

  async step(batch: Batch): Promise<LogitsView> {
    if (this.#isRunning) throw new Error("overlapping steps");
    if (this.#isClosed) throw new Error("closed");
    this.#check(batch);
    this.#isRunning = true;
    try {
      await this.#options.onStep?.(batch);
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    } finally {
      this.#isRunning = false;
    }
    const rows = batch.map(({ lane, tokens, position }) => {
      this.memory.cells[lane]!.set(tokens, position);
      return tokens.map((_, index) => this.#logits(lane, position + index + 1));
    });
    return viewRows((row, index = rows[row]!.length - 1) => rows[row]![index]!);
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

  #check(batch: Batch): void {
    if (batch.length === 0) throw new Error("an empty batch");
    for (const [row, { lane, tokens, position }] of batch.entries()) {
      if (lane !== batch[0]!.lane + row) throw new Error("rows must stand on consecutive lanes");
      if (tokens.length === 0 || tokens.length > this.maxRowTokens)
        throw new Error("a row of a wrong length");
      if (tokens.length > 1 && batch.length > 1) throw new Error("several tokens only alone");
      if (position + tokens.length > this.memory.capacity) throw new Error("a row beyond the capacity");
    }
  }
}
