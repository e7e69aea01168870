import { setImmediate, setTimeout } from "node:timers/promises";
import type { Distribution } from "../../sampling/distribution.ts";
import { InferenceError, cancelled } from "../../core/errors.ts";
import type { TokenIds } from "../../core/tokens.ts";
import type { EngineLoad, Share } from "../engine.ts";
import type { LocalHealth } from "../health.ts";
import { AbortListeners } from "./abort-listeners.ts";
import { gatheringMs } from "./gathering.ts";
import type { PlannedRow } from "./join-prompts.ts";
import { LaneCache } from "./lane-cache.ts";
import { OpenSequence } from "./open-sequence.ts";
import type { PassTimes } from "./pass-times.ts";
import type { PlacedSequence } from "./placed-sequence.ts";
import { Pulls } from "./pulls.ts";
import type { Pull } from "./pulls.ts";
import { roomOf } from "./runner.ts";
import type { BatchRow, LogitsView, ModelRunner } from "./runner.ts";
import { schedule } from "./schedule.ts";
import type { PassPlan, ScheduleContext, ScheduleSettings } from "./schedule.ts";
import type { Sequence } from "./sequence.ts";
import { noDraft, Speculation } from "./speculation.ts";
import { Tenants, chooseVictim } from "./tenants.ts";
import type { Tenant } from "./tenant.ts";

export interface SchedulerSettings extends ScheduleSettings {
  /** Budget of the prefix store, bytes; 0 turns it off. */
  readonly prefixStoreBytes: number;
  /** What the pass times are read from, ms. */
  readonly now?: () => number;
}

export interface OpenOptions {
  /** Once it aborts, what is pulled of the sequence rejects with `aborted`. */
  readonly signal: AbortSignal;
  /** Whom it works for; an interactive request of a client of its own when left out. */
  readonly share?: Share | undefined;
}

/**
 * Continuous batching, pass by pass: lanes are given out, a pass is planned over the sequences that hold them, run and
 * absorbed. Whatever is pulled when a pass starts may share it. When there are more sequences than lanes, clients
 * share the lanes evenly, and the requests of each its part of them. Lanes change hands between passes alone.
 */
export class Scheduler {
  readonly #runner: ModelRunner;
  readonly #settings: SchedulerSettings;
  readonly #passTimes: PassTimes;
  readonly #speculation: Speculation;
  readonly #now: () => number;
  readonly #lanes: LaneCache;
  readonly #tenants = new Tenants();
  readonly #pulls = new Pulls();
  readonly #open = new Set<OpenSequence>();
  readonly #closing = new Set<OpenSequence>();
  readonly #listeners = new AbortListeners<OpenSequence>((open) => this.#endPull(open)?.reject(cancelled()));
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
    this.#speculation = new Speculation(runner.limits, passTimes);
    this.#now = settings.now ?? (() => performance.now());
    const { limits } = runner;
    const maxRowTokens = Math.min(settings.prefillChunk, limits.maxRowTokens);
    const prompts = { limits: { ...limits, maxRowTokens }, passTimes };
    this.#lanes = new LaneCache(runner.memory, settings.prefixStoreBytes, prompts);
  }

  /** Opens a sequence; the caller closes it. */
  open(sequence: Sequence, { signal, share }: OpenOptions): OpenSequence {
    const tenant = this.#tenants.join(share);
    const open = new OpenSequence(sequence, { signal, tenant, arrival: ++this.#arrivals });
    this.#listeners.add(signal, open);
    this.#open.add(open);
    return open;
  }

  /** Runs the sequence until it has what it wants next. */
  advance(open: OpenSequence): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (open.signal.aborted) return Promise.reject(cancelled());
    const pulled = this.#pulls.begin(open);
    if (this.#lanes.placedOf(open) === undefined) this.#tenants.wait(open);
    this.#running ??= this.#run();
    return pulled;
  }

  /** Ends a sequence; its K/V stays behind for other sequences that share the prefix. */
  close(open: OpenSequence): void {
    this.#endPull(open)?.reject(cancelled());
    this.#listeners.remove(open.signal, open);
    if (this.#inPass) this.#closing.add(open);
    else this.#retire(open);
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
        speculation: this.#speculation.health,
        compute: this.#runner.compute,
      },
    };
  }

  load(): EngineLoad {
    return {
      lanes: this.#lanes.total,
      pulled: this.#pulls.count,
      passMs: (rows) => this.#passTimes.decodeMs(rows),
      aloneGain: this.#speculation.aloneGain,
    };
  }

  /** Fails what is still pulled and waits for the pass in flight. */
  async stop(): Promise<void> {
    this.#fail(new InferenceError("shutting_down", "The engine is shutting down."));
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      let chunksMs = 0;
      let gatheredMs = 0;
      for (;;) {
        // Every caller that just got a token pulls the next one before the batch is closed.
        await setImmediate();
        this.#retireClosed();
        if (this.#pulls.count === 0) break;
        this.#admit();
        const plan = this.#schedule(chunksMs);
        const hasRoom = this.#lanes.leased < this.#lanes.total;
        if (hasRoom && gatheredMs + 1 <= gatheringMs(plan, this.#context)) {
          await setTimeout(1);
          gatheredMs++;
          continue;
        }
        // Whoever comes from now on comes during a pass.
        gatheredMs = Infinity;
        const ms = await this.#step(plan);
        chunksMs = plan.decoding.length > 0 ? 0 : chunksMs + ms;
      }
      if (this.#open.size === 0) this.#checkIntegrity();
    } catch (error) {
      this.#fail(toEngineFailure(error));
      this.#retireClosed();
    } finally {
      this.#running = undefined;
    }
  }

  /** Gives lanes to pulled sequences, taking them from sequences with a weaker claim. */
  #admit(): void {
    for (let next = this.#tenants.next(); next !== undefined; next = this.#tenants.next()) {
      if (this.#lanes.leased === this.#lanes.total && !this.#preempt(next.tenant)) break;
      this.#lanes.hold(next).beginTurn();
      this.#tenants.gain(next);
    }
    this.#lanes.endLeads();
  }

  #preempt(taker: Tenant): boolean {
    const victim = chooseVictim(taker, this.#lanes.placed);
    if (victim === undefined) return false;
    this.#releaseLane(victim);
    if (victim.isPulled) {
      this.#tenants.wait(victim.open);
      this.#preemptions++;
    }
    return true;
  }

  get #context(): Pick<ScheduleContext, "limits" | "passTimes"> {
    return { limits: this.#runner.limits, passTimes: this.#passTimes };
  }

  #schedule(chunksMs: number): PassPlan<PlacedSequence> {
    return schedule(this.#lanes.placed, { ...this.#context, settings: this.#settings, chunksMs });
  }

  /**
   * Runs a planned pass and absorbs its logits. What is closed before that keeps its lane until then.
   * @returns ms of the pass
   */
  async #step({ decoding, chunks, heldUp }: PassPlan<PlacedSequence>): Promise<number> {
    const [first] = decoding;
    // What comes next of a prompt that runs token by token is known.
    const isLone = chunks.length === 0 && decoding.length === 1 && first!.pending === 1;
    const draft = isLone ? this.#speculation.draft(first!.sequence) : noDraft;
    for (const { sequence, position } of chunks) {
      sequence.tenant.noteChunk(this.#passes + 1);
      if (position < sequence.cached) this.#lanes.truncate(sequence, position);
    }
    const planned = [
      ...decoding.map((sequence) => ({ sequence, position: sequence.cached, count: 1 })),
      ...chunks,
    ];
    const started = this.#now();
    this.#inPass = true;
    let logits: LogitsView;
    try {
      logits = await this.#runner.step(planned.map((row) => toRow(row, draft)));
    } finally {
      this.#inPass = false;
    }
    this.#passes++;
    const ms = this.#now() - started;
    for (const tenant of new Set(heldUp.map((placed) => placed.tenant))) tenant.heldUpMs += ms;
    if (isLone) this.#passTimes.observeAlone(1 + draft.length, ms);
    else
      this.#passTimes.observe(
        decoding.length,
        roomOf(
          chunks.map(({ count }) => count),
          this.#runner.limits,
        ),
        ms,
      );
    for (const [row, run] of planned.entries()) {
      const { inverseTemperature } = run.sequence.sequence;
      const distribution = (index: number): Distribution =>
        logits.distribution(row, index, inverseTemperature);
      const held = this.#absorb(run, draft, distribution);
      if (isLone) this.#speculation.observe(draft.length, held);
    }
    return ms;
  }

  /** @returns how many tokens of the draft the sequence went on with */
  #absorb(
    { sequence: placed, count }: PlannedRow<PlacedSequence>,
    draft: TokenIds,
    distribution: (index: number) => Distribution,
  ): number {
    const { open, sequence } = placed;
    this.#evaluatedTokens += count + draft.length;
    let held = 0;
    try {
      placed.run(count);
      if (sequence.absorb(distribution, placed.cached, count)) this.#endPull(open)?.resolve();
      for (; held < draft.length && sequence.goesOnWith(draft[held]!); held++) {
        placed.run(1);
        sequence.absorb(() => distribution(count + held), placed.cached, 1);
      }
      // What did not hold is no prefix of anything.
      if (held < draft.length) this.#lanes.truncate(placed, placed.cached);
    } catch (error) {
      // Bad logits mean bad K/V: forget it rather than hand it to the next sequence.
      this.#lanes.truncate(placed, 0);
      this.#endPull(open)?.reject(error);
    }
    return held;
  }

  /** @returns the pull that was, if any */
  #endPull(open: OpenSequence): Pull | undefined {
    const pull = this.#pulls.end(open);
    if (pull !== undefined && this.#lanes.placedOf(open) === undefined) this.#tenants.stopWaiting(open);
    return pull;
  }

  #retireClosed(): void {
    for (const open of this.#closing) this.#retire(open);
    this.#closing.clear();
  }

  #retire(open: OpenSequence): void {
    this.#open.delete(open);
    const placed = this.#lanes.placedOf(open);
    if (placed !== undefined) this.#releaseLane(placed);
    this.#tenants.leave(open.tenant);
  }

  #releaseLane(placed: PlacedSequence): void {
    this.#lanes.release(placed);
    this.#tenants.lose(placed.open);
  }

  #checkIntegrity(): void {
    this.#lanes.checkIntegrity();
    this.#tenants.checkIntegrity();
  }

  #fail(failure: InferenceError): void {
    this.#failure ??= failure;
    this.#lanes.abandon();
    for (const open of this.#open) this.#endPull(open)?.reject(failure);
  }
}

/** The next `count` tokens of a sequence and a draft, with the distributions that it will look at. */
function toRow({ sequence: placed, count }: PlannedRow<PlacedSequence>, draft: TokenIds): BatchRow {
  const { lane, tokens, cached, sequence } = placed;
  // An array of one is made in a fraction of the time that a slice takes.
  const run = count === 1 ? [tokens[cached]!] : tokens.slice(cached, cached + count);
  return {
    lane: lane.index,
    tokens: draft.length === 0 ? run : [...run, ...draft],
    position: cached,
    measuredFrom: placed.unmeasured,
    inverseTemperature: sequence.inverseTemperature,
    ...(sequence.wantsLogitSums && { wantsLogitSums: true }),
  };
}

function toEngineFailure(error: unknown): InferenceError {
  if (error instanceof InferenceError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new InferenceError("engine_failed", `The engine failed: ${reason}. Try again in a moment.`, {
    cause: error,
  });
}
