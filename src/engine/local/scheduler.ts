import { setImmediate } from "node:timers/promises";
import type { Distribution } from "../../sampling/distribution.ts";
import { InferenceError, cancelled } from "../../core/errors.ts";
import { BatchRows } from "./batch-rows.ts";
import type { EngineLoad } from "../engine.ts";
import type { LocalHealth } from "../health.ts";
import { LaneCache } from "./lane-cache.ts";
import { PassPlan } from "./pass-plan.ts";
import type { PassTimes } from "./pass-times.ts";
import { Pull } from "./pull.ts";
import type { Batch, LogitsView, ModelRunner } from "./runner.ts";
import type { Sequence } from "./sequence.ts";
import { Tenants, chooseVictim } from "./tenants.ts";
import type { Tenant } from "./tenant.ts";

export interface SchedulerSettings {
  /** Most tokens of a prompt run in one pass. */
  readonly prefillChunk: number;
  /**
   * Longest pause between two tokens of an interactive sequence that a prompt may cause, ms: its chunks are cut to
   * what the pass times say fits. Where decode passes take more than half of it, a chunk may take as long as they do.
   */
  readonly maxGapMs?: number;
  /** Budget of the prefix store, bytes; 0 turns it off. */
  readonly prefixStoreBytes: number;
  /**
   * Gives every pass the same shape: one token in each lane, prompts included. Kernels chosen by shape then round
   * alike, so that logits depend on nothing but the prefix; a pass always costs a full one.
   */
  readonly deterministic?: boolean;
  /** What the pass times are read from, ms. */
  readonly now?: () => number;
}

/**
 * Tokens that a sequence may run before its lane goes to a request with fewer lanes: what a request waits for at
 * most while another one holds all lanes, and what a move out to the prefix store and back is spread over.
 */
export const turnTokens = 32;

/**
 * Continuous batching. Whatever is pulled when a pass starts shares it: one token of every decoding lane, with
 * one chunk of one prompt between two such passes. When there are more sequences than lanes, requests share the
 * lanes evenly. Lanes change hands between passes alone.
 */
export class Scheduler {
  readonly #runner: ModelRunner;
  readonly #settings: SchedulerSettings;
  readonly #passTimes: PassTimes;
  readonly #now: () => number;
  readonly #lanes: LaneCache;
  readonly #plan: PassPlan;
  readonly #rows: BatchRows;
  readonly #tenants = new Tenants();
  readonly #open = new Set<Sequence>();
  readonly #closing = new Set<Sequence>();
  /** The open ones that a signal ends. */
  readonly #bySignal = new WeakMap<AbortSignal, Set<Sequence>>();
  /** Sequences that are pulled. */
  #pulled = 0;
  #arrivals = 0;
  #running: Promise<void> | undefined;
  #inPass = false;
  #failure: InferenceError | undefined;
  #evaluatedTokens = 0;
  #passes = 0;
  #preemptions = 0;

  constructor(runner: ModelRunner, settings: SchedulerSettings, passTimes: PassTimes) {
    this.#runner = runner;
    this.#settings = settings;
    this.#passTimes = passTimes;
    this.#now = settings.now ?? (() => performance.now());
    this.#lanes = new LaneCache(runner.memory, settings.prefixStoreBytes);
    this.#plan = new PassPlan(this.#lanes, { isOneTokenEach: settings.deterministic === true });
    this.#rows = new BatchRows(this.#lanes);
  }

  /** What is pulled of the sequence rejects with `aborted` as soon as the signal is. */
  open(sequence: Sequence, signal: AbortSignal): void {
    sequence.signal = signal;
    this.#listen(signal).add(sequence);
    sequence.tenant = this.#tenants.join(sequence.share);
    sequence.arrival = ++this.#arrivals;
    this.#open.add(sequence);
  }

  /** Runs the sequence until it has what it wants next. */
  advance(sequence: Sequence): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (sequence.signal.aborted) return Promise.reject(cancelled());
    const pull = new Pull();
    sequence.pull = pull;
    this.#pulled++;
    if (sequence.lane === undefined) this.#tenants.wait(sequence);
    this.#running ??= this.#run();
    return pull.promise;
  }

  /** Ends a sequence; its K/V stays behind for whoever shares the prefix. */
  close(sequence: Sequence): void {
    this.#endPull(sequence)?.reject(cancelled());
    this.#bySignal.get(sequence.signal)?.delete(sequence);
    if (this.#inPass) this.#closing.add(sequence);
    else this.#retire(sequence);
  }

  health(): LocalHealth {
    const { store } = this.#lanes;
    return {
      ...(this.#failure === undefined
        ? { status: "ok" as const }
        : { status: "failed" as const, reason: this.#failure.message }),
      evaluatedTokens: this.#evaluatedTokens,
      details: {
        kind: "local",
        lanes: { total: this.#lanes.total, leased: this.#lanes.leased },
        sequences: { open: this.#open.size, waiting: this.#tenants.waiting },
        prefixStore: { bytes: store.bytes, maxBytes: store.maxBytes, ...store.statistics },
        passes: this.#passes,
        preemptions: this.#preemptions,
        passTimes: this.#passTimes.report,
      },
    };
  }

  load(): EngineLoad {
    return {
      lanes: this.#lanes.total,
      pulled: this.#pulled,
      passMs: (rows) => this.#passTimes.decodeMs(rows),
    };
  }

  /** Fails what is still pulled and waits for the pass in flight. */
  async stop(): Promise<void> {
    this.#fail(new InferenceError("shutting_down", "The engine is shutting down."));
    await this.#running;
  }

  /** One listener for all sequences of a request: adding and removing one costs as much as a row of a small model. */
  #listen(signal: AbortSignal): Set<Sequence> {
    let listening = this.#bySignal.get(signal);
    if (listening === undefined) {
      const ended = (listening = new Set<Sequence>());
      this.#bySignal.set(signal, ended);
      signal.addEventListener("abort", () => {
        for (const sequence of ended) this.#endPull(sequence)?.reject(cancelled());
      });
    }
    return listening;
  }

  async #run(): Promise<void> {
    try {
      let prefilledLast = false;
      for (;;) {
        // Everyone who just got a token pulls the next one before the batch is closed.
        await setImmediate();
        this.#retireClosed();
        if (this.#pulled === 0) break;
        this.#admit();
        this.#plan.survey();
        const { prefill, decoding } = this.#plan;
        prefilledLast = prefill !== undefined && (decoding.length === 0 || !prefilledLast);
        if (prefilledLast) await this.#prefill(prefill!);
        else await this.#decode(decoding);
      }
      if (this.#open.size === 0) this.#checkIntegrity();
    } catch (error) {
      this.#fail(toEngineFailure(error));
      this.#retireClosed();
    } finally {
      this.#running = undefined;
    }
  }

  /** Gives lanes to pulled sequences, taking them from others where their requests have a better claim. */
  #admit(): void {
    for (let next = this.#tenants.next(); next !== undefined; next = this.#tenants.next()) {
      if (this.#lanes.leased === this.#lanes.total && !this.#preempt(next.tenant)) return;
      this.#lanes.hold(next);
      this.#tenants.gain(next);
      // What was lost with the lane is run again, and then at least as much besides.
      const lostTokens = Math.max(0, next.ranTokens - next.cached);
      next.turn = lostTokens + Math.max(turnTokens, lostTokens);
    }
  }

  #preempt(taker: Tenant): boolean {
    const victim = chooseVictim(taker, this.#lanes.holders);
    if (victim === undefined) return false;
    this.#releaseLane(victim);
    if (victim.pull !== undefined) {
      this.#tenants.wait(victim);
      this.#preemptions++;
    }
    return true;
  }

  async #prefill(sequence: Sequence): Promise<void> {
    const { lane, tokens, cached, tenant } = sequence;
    const end = Math.min(tokens.length, cached + this.#chunkTokens());
    const { inverseTemperature, reusableTokens } = sequence;
    const measuredFrom = Math.max(0, reusableTokens - cached);
    const row = { lane: lane!.index, tokens: tokens.slice(cached, end), position: cached };
    const batch = [{ ...row, measuredFrom, inverseTemperature }];
    tenant.lastPrefill = this.#passes + 1;
    await this.#pass(batch, (logits) => {
      this.#absorb(sequence, end - cached, (index) => logits.distribution(0, index, inverseTemperature));
    });
  }

  /** As many tokens of a prompt as those who decode meanwhile can be made to wait for. */
  #chunkTokens(): number {
    const most = Math.min(this.#settings.prefillChunk, this.#runner.maxRowTokens);
    const { interactive, decoding } = this.#plan;
    const { maxGapMs } = this.#settings;
    if (interactive === 0 || maxGapMs === undefined) return most;
    const decodeMs = this.#passTimes.decodeMs(decoding.length);
    const room = Math.max(maxGapMs - decodeMs, decodeMs);
    return Math.max(1, Math.min(most, this.#passTimes.longestChunkWithin(room)));
  }

  async #decode(sequences: Sequence[]): Promise<void> {
    const isFixed = this.#settings.deterministic === true;
    if (!isFixed && sequences.length > 1) this.#lanes.compact(sequences);
    const first = isFixed ? 0 : sequences[0]!.lane!.index;
    const last = isFixed ? this.#lanes.total - 1 : sequences.at(-1)!.lane!.index;
    await this.#pass(this.#rows.fill(sequences, first, last), (logits) => {
      for (const sequence of sequences) {
        const row = sequence.lane!.index - first;
        this.#absorb(sequence, 1, () => logits.distribution(row, 0, sequence.inverseTemperature));
      }
    });
  }

  /** Runs a pass and absorbs its logits. What is closed before that keeps its lane until then. */
  async #pass(batch: Batch, absorb: (logits: LogitsView) => void): Promise<void> {
    const started = this.#now();
    this.#inPass = true;
    let logits: LogitsView;
    try {
      logits = await this.#runner.step(batch);
    } finally {
      this.#inPass = false;
    }
    this.#passes++;
    this.#passTimes.observe(batch.length, batch[0]!.tokens.length, this.#now() - started);
    absorb(logits);
  }

  #absorb(sequence: Sequence, count: number, distribution: (index: number) => Distribution): void {
    const lane = sequence.lane!;
    this.#evaluatedTokens += count;
    sequence.cached += count;
    sequence.ranTokens = Math.max(sequence.ranTokens, sequence.cached);
    sequence.turn -= count;
    for (let position = lane.tokens.length; position < sequence.cached; position++) {
      lane.tokens.push(sequence.tokens[position]!);
    }
    try {
      if (sequence.absorb(distribution, sequence.cached, count)) this.#endPull(sequence)?.resolve();
    } catch (error) {
      // Bad logits mean bad K/V: forget it rather than hand it to the next sequence.
      sequence.cached = 0;
      lane.tokens.length = 0;
      this.#endPull(sequence)?.reject(error);
    }
  }

  /** @returns the pull that was, if any */
  #endPull(sequence: Sequence): Pull | undefined {
    const { pull } = sequence;
    if (pull === undefined) return undefined;
    sequence.pull = undefined;
    this.#pulled--;
    if (sequence.lane === undefined) this.#tenants.stopWaiting(sequence);
    return pull;
  }

  #retireClosed(): void {
    for (const sequence of this.#closing) this.#retire(sequence);
    this.#closing.clear();
  }

  #retire(sequence: Sequence): void {
    this.#open.delete(sequence);
    if (sequence.lane !== undefined) this.#releaseLane(sequence);
    this.#tenants.leave(sequence.tenant);
  }

  #releaseLane(sequence: Sequence): void {
    this.#lanes.release(sequence);
    this.#tenants.lose(sequence);
  }

  #checkIntegrity(): void {
    this.#lanes.checkIntegrity();
    this.#tenants.checkIntegrity();
  }

  #fail(failure: InferenceError): void {
    this.#failure ??= failure;
    this.#lanes.abandon();
    for (const sequence of this.#open) this.#endPull(sequence)?.reject(failure);
  }
}

function toEngineFailure(error: unknown): InferenceError {
  if (error instanceof InferenceError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new InferenceError("engine_failed", `The engine failed: ${reason}. Try again in a moment.`, {
    cause: error,
  });
}
