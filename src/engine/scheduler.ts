import { setImmediate } from "node:timers/promises";
import { InferenceError, cancelled } from "../core/errors.ts";
import { LaneTable } from "../kvcache/lanes.ts";
import type { Lane } from "../kvcache/lanes.ts";
import { PrefixStore } from "../kvcache/prefix-store.ts";
import type { EngineHealth, EngineLoad } from "./engine.ts";
import type { PassTimes } from "./pass-times.ts";
import { Pull } from "./pull.ts";
import type { Batch, BatchRow, LogitsView, ModelRunner } from "./runner.ts";
import type { Sequence } from "./sequence.ts";

export interface SchedulerSettings {
  /** Most tokens of a prompt run in one pass, so that decoding rows wait no longer than that. */
  readonly prefillChunk: number;
  /** Budget of the prefix store, bytes; 0 turns it off. */
  readonly prefixStoreBytes: number;
  /**
   * Gives every pass the same shape: one token in each lane, prompts included. Kernels chosen by shape then round
   * alike, so that logits depend on nothing but the prefix; a pass always costs a full one.
   */
  readonly deterministic?: boolean;
}

/**
 * Continuous batching. Whatever is pulled when a pass starts shares it: one token of every decoding lane, with
 * one chunk of one prompt between two such passes. A sequence holds its lane only as long as nobody else waits
 * for one that it is not using. Lanes change hands between passes alone.
 */
export class Scheduler {
  readonly #runner: ModelRunner;
  readonly #settings: SchedulerSettings;
  readonly #passTimes: PassTimes;
  readonly #lanes: LaneTable;
  readonly #store: PrefixStore;
  readonly #open = new Set<Sequence>();
  /** In the order they were pulled; a sequence waits for its turn by its place here. */
  readonly #pulls = new Map<Sequence, Pull>();
  readonly #closing = new Set<Sequence>();
  #running: Promise<void> | undefined;
  #inPass = false;
  #failure: InferenceError | undefined;
  #evaluatedTokens = 0;
  #passes = 0;

  constructor(runner: ModelRunner, settings: SchedulerSettings, passTimes: PassTimes) {
    this.#runner = runner;
    this.#passTimes = passTimes;
    this.#settings = settings;
    this.#lanes = new LaneTable(runner.memory.lanes, runner.memory.capacity);
    this.#store = new PrefixStore(settings.prefixStoreBytes);
  }

  open(sequence: Sequence): void {
    this.#open.add(sequence);
  }

  /** Runs the sequence until it has what it wants next. Rejects with `aborted` as soon as the signal is. */
  advance(sequence: Sequence, signal: AbortSignal): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (signal.aborted) return Promise.reject(cancelled());
    const pull = new Pull(signal, () => {
      this.#pulls.delete(sequence);
    });
    this.#pulls.set(sequence, pull);
    this.#running ??= this.#run();
    return pull.promise;
  }

  /** Ends a sequence; its K/V stays behind for whoever shares the prefix. */
  close(sequence: Sequence): void {
    this.#pulls.delete(sequence);
    if (this.#inPass) this.#closing.add(sequence);
    else this.#retire(sequence);
  }

  health(): EngineHealth {
    let waiting = 0;
    for (const sequence of this.#pulls.keys()) if (sequence.lane === undefined) waiting++;
    return {
      ...(this.#failure === undefined
        ? { status: "ok" as const }
        : { status: "failed" as const, reason: this.#failure.message }),
      lanes: { total: this.#lanes.total, leased: this.#lanes.leased },
      sequences: { open: this.#open.size, waiting },
      prefixStore: { bytes: this.#store.bytes, maxBytes: this.#store.maxBytes, ...this.#store.statistics },
      evaluatedTokens: this.#evaluatedTokens,
      passes: this.#passes,
    };
  }

  load(): EngineLoad {
    return {
      lanes: this.#lanes.total,
      pulled: this.#pulls.size,
      passMs: (rows) => this.#passTimes.decodeMs(rows),
    };
  }

  /** Fails what is still pulled and waits for the pass in flight. */
  async stop(): Promise<void> {
    this.#fail(new InferenceError("shutting_down", "The engine is shutting down."));
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      let prefilledLast = false;
      for (;;) {
        // Everyone who just got a token pulls the next one before the batch is closed.
        await setImmediate();
        this.#retireClosed();
        if (this.#pulls.size === 0) break;
        this.#admit();
        const { prefill, decoding } = this.#ready();
        const takesPrefill: boolean = prefill !== undefined && (decoding.length === 0 || !prefilledLast);
        prefilledLast = takesPrefill;
        if (takesPrefill) await this.#pass([prefill!]);
        else await this.#pass(decoding);
      }
      if (this.#open.size === 0) this.#checkIntegrity();
    } catch (error) {
      this.#fail(toEngineFailure(error));
      this.#retireClosed();
    } finally {
      this.#running = undefined;
    }
  }

  /** Gives lanes to pulled sequences in turn, taking them from sequences that nobody pulls if none is free. */
  #admit(): void {
    for (const sequence of this.#pulls.keys()) {
      if (sequence.lane !== undefined) continue;
      const lane = this.#lanes.acquire(sequence.tokens) ?? this.#reclaim(sequence.tokens);
      if (lane === undefined) return;
      sequence.lane = lane;
      sequence.cached = sequence.reusesPrefix ? this.#restore(lane, sequence.tokens) : 0;
      lane.tokens.length = sequence.cached;
    }
  }

  #reclaim(prefix: readonly number[]): Lane | undefined {
    for (const sequence of this.#open) {
      if (sequence.lane === undefined || this.#pulls.has(sequence)) continue;
      this.#releaseLane(sequence);
      return this.#lanes.acquire(prefix);
    }
    return undefined;
  }

  /** Brings the longest cached prefix into the lane; one token always remains to be run. */
  #restore(lane: Lane, tokens: readonly number[]): number {
    const limit = tokens.length - 1;
    let cached = 0;
    while (cached < limit && lane.tokens[cached] === tokens[cached]) cached++;
    const match = this.#store.match(tokens, limit);
    for (const part of match.parts) {
      const end = part.at + (part.to - part.from);
      if (end <= cached) continue;
      const skipped = Math.max(0, cached - part.at);
      this.#runner.memory.write(lane.index, part.at + skipped, part.slice, part.from + skipped, part.to);
      for (let position = part.at + skipped; position < end; position++)
        lane.tokens[position] = tokens[position]!;
      cached = end;
    }
    return cached;
  }

  #ready(): { prefill: Sequence | undefined; decoding: Sequence[] } {
    let prefill: Sequence | undefined;
    const decoding: Sequence[] = [];
    for (const sequence of this.#pulls.keys()) {
      if (sequence.lane === undefined) continue;
      const isSingle =
        this.#settings.deterministic === true || sequence.tokens.length - sequence.cached === 1;
      if (isSingle) decoding.push(sequence);
      else prefill ??= sequence;
    }
    return { prefill, decoding };
  }

  async #pass(sequences: readonly Sequence[]): Promise<void> {
    if (this.#settings.deterministic !== true) this.#compact(sequences);
    const running = sequences.toSorted((a, b) => a.lane!.index - b.lane!.index);
    const batch = this.#batch(running);
    this.#inPass = true;
    let logits: LogitsView;
    const started = performance.now();
    try {
      logits = await this.#runner.step(batch);
    } finally {
      this.#inPass = false;
    }
    this.#passes++;
    this.#passTimes.observe(batch.length, batch[0]!.tokens.length, performance.now() - started);
    const firstLane = batch[0]!.lane;
    for (const sequence of running) {
      const row = sequence.lane!.index - firstLane;
      this.#absorb(sequence, batch[row]!.tokens.length, (index) => logits.row(row, index));
    }
  }

  #absorb(sequence: Sequence, count: number, logits: (index: number) => Float32Array): void {
    const lane = sequence.lane!;
    this.#evaluatedTokens += count;
    sequence.cached += count;
    for (let position = lane.tokens.length; position < sequence.cached; position++) {
      lane.tokens.push(sequence.tokens[position]!);
    }
    const pull = this.#pulls.get(sequence);
    try {
      if (!sequence.absorb(logits, sequence.cached, count)) return;
      this.#pulls.delete(sequence);
      pull?.resolve();
    } catch (error) {
      // Bad logits mean bad K/V: forget it rather than hand it to the next sequence.
      sequence.cached = 0;
      lane.tokens.length = 0;
      this.#pulls.delete(sequence);
      pull?.reject(error);
    }
  }

  /** Moves the highest lanes of a pass into free lower ones, so that fewer idle rows stand between. */
  #compact(sequences: readonly Sequence[]): void {
    if (sequences.length < 2) return;
    for (const sequence of sequences.toSorted((a, b) => b.lane!.index - a.lane!.index)) {
      const target = this.#lanes.lowestFree();
      const source = sequence.lane!;
      if (target === undefined || target.index >= sequences.length || source.index < sequences.length) return;
      this.#runner.memory.copyLane(source.index, target.index, sequence.cached);
      target.tokens.splice(0, target.tokens.length, ...source.tokens);
      this.#lanes.lease(target);
      this.#lanes.release(source);
      sequence.lane = target;
    }
  }

  /**
   * Rows of consecutive lanes. A lane in between that takes no part repeats its own last token in place: the
   * same K/V is written again, and its logits are not looked at.
   */
  #batch(running: readonly Sequence[]): Batch {
    const byLane = new Map(running.map((sequence) => [sequence.lane!.index, sequence]));
    const isFixed = this.#settings.deterministic === true;
    const first = isFixed ? 0 : running[0]!.lane!.index;
    const last = isFixed ? this.#lanes.total - 1 : running.at(-1)!.lane!.index;
    const rows: BatchRow[] = [];
    for (let lane = first; lane <= last; lane++) {
      const sequence = byLane.get(lane);
      rows.push(sequence === undefined ? this.#idleRow(lane) : this.#row(sequence, lane, running.length));
    }
    return rows;
  }

  #row({ tokens, cached }: Sequence, lane: number, rows: number): BatchRow {
    const end = Math.min(tokens.length, cached + this.#chunk(rows));
    return { lane, tokens: tokens.slice(cached, end), position: cached };
  }

  #chunk(rows: number): number {
    if (this.#settings.deterministic === true) return 1;
    return rows === 1 ? Math.min(this.#settings.prefillChunk, this.#runner.maxRowTokens) : 1;
  }

  #idleRow(index: number): BatchRow {
    const { tokens } = this.#lanes.at(index);
    const position = Math.max(0, tokens.length - 1);
    return { lane: index, tokens: [tokens[position] ?? 0], position, isIdle: true };
  }

  #retireClosed(): void {
    for (const sequence of this.#closing) this.#retire(sequence);
    this.#closing.clear();
  }

  #retire(sequence: Sequence): void {
    this.#open.delete(sequence);
    if (sequence.lane !== undefined) this.#releaseLane(sequence);
  }

  #releaseLane(sequence: Sequence): void {
    const lane = sequence.lane!;
    const { memory } = this.#runner;
    // After a failure or a stop the memory may be gone, and nobody will ask for what was in it.
    if (this.#failure === undefined) {
      this.#store.insert(lane.tokens, (from, to) => memory.read(lane.index, from, to));
    }
    this.#lanes.release(lane);
    sequence.lane = undefined;
    sequence.cached = 0;
  }

  #checkIntegrity(): void {
    this.#lanes.checkIntegrity(0);
    this.#store.checkIntegrity();
  }

  #fail(failure: InferenceError): void {
    this.#failure ??= failure;
    for (const pull of this.#pulls.values()) pull.reject(failure);
    this.#pulls.clear();
  }
}

function toEngineFailure(error: unknown): InferenceError {
  if (error instanceof InferenceError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new InferenceError("engine_failed", `The engine failed: ${reason}. Try again in a moment.`, {
    cause: error,
  });
}
