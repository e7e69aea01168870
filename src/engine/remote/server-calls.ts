import { InferenceError, cancelled, shuttingDown } from "../../core/errors.ts";
import type { Share } from "../engine.ts";
import type { RemoteDetails, RemoteTotals } from "../health.ts";
import { BackOff } from "./back-off.ts";
import { CallRecord, noTotals } from "./call-record.ts";
import { CallSlots } from "./call-slots.ts";
import type { Connection } from "./connection.ts";
import type { Dialect, DrawCall, ReportedToken, ScoreCall } from "./dialect.ts";
import { TokenTimes } from "./latency.ts";
import { RemoteError, unavailable } from "./remote-error.ts";
import { ServerReach } from "./server-reach.ts";

/** Without an open connection for so long, another server may stand where this one stood. */
const unseenMs = 2_000;
/** For so long a server that was asked is not suspected: some close a connection after every call. */
const unsureMs = 1_000;

export interface ServerCallsSettings {
  readonly server: Connection;
  readonly dialect: Dialect;
  /** What the server calls the model. */
  readonly model: string;
  /** At once. */
  readonly mostCalls: number;
  /**
   * Asked before the next call once another server may stand there.
   * @returns what has changed; `undefined` where it is the same
   */
  readonly findChange: (signal: AbortSignal) => Promise<string | undefined>;
}

/** Whom a call is for. */
export interface CallFor {
  readonly share: Share | undefined;
  readonly signal: AbortSignal;
}

/** A call without what is the same for all of a server. */
export type Asked<Call> = Omit<Call, "model" | "onCached">;

/** The calls of an engine to its server: how many at once, what they took, and whether it is still the same server. */
export class ServerCalls {
  readonly #settings: ServerCallsSettings;
  readonly #slots: CallSlots;
  readonly #times: TokenTimes;
  /** Of all that is under way: what they run on is theirs to end. */
  readonly #open = new Set<AbortController>();
  #onIdle: (() => void) | undefined;
  readonly #totals = noTotals();
  /** Why no call is made any more. */
  #end: InferenceError | undefined;
  #isSuspect = false;
  #sureSince = -Infinity;
  #check: Promise<void> | undefined;
  readonly #reach: ServerReach;

  constructor(settings: ServerCallsSettings) {
    this.#settings = settings;
    this.#slots = new CallSlots(settings.mostCalls);
    this.#times = new TokenTimes(settings.mostCalls);
    // All dialects list their models, and none has it wait for the calls that run.
    this.#reach = new ServerReach((signal) => settings.server.get("/v1/models", { signal }));
  }

  get most(): number {
    return this.#slots.most;
  }

  get totals(): RemoteTotals {
    return { ...this.#totals };
  }

  get details(): Pick<RemoteDetails, "calls" | "totals" | "tokenTimes"> & { readonly waiting: number } {
    return {
      waiting: this.#slots.waiting,
      calls: { open: this.#slots.open, most: this.most },
      totals: this.totals,
      tokenTimes: this.#times.report,
    };
  }

  /** Why no call is made any more; `undefined` as long as calls are made. */
  get end(): InferenceError | undefined {
    return this.#end;
  }

  /** Why the engine is unwell; `undefined` where it is well. */
  get fault(): string | undefined {
    if (this.#end !== undefined) return this.#end.message;
    this.#reach.look();
    return this.#reach.fault;
  }

  /** ms of a token with so many calls under way; 0 while nothing is known. */
  tokenMs(calls: number): number {
    return this.#times.at(calls);
  }

  /** Whether a call for this share has to make room for one that waits. */
  isOwed(share: Share | undefined): boolean {
    return this.#slots.isOwed(share);
  }

  countRetry(): void {
    this.#totals.retries++;
  }

  countRefinement(): void {
    this.#totals.refinements++;
  }

  /**
   * Tokens as they come. Leaving early ends the call.
   * @throws RemoteError; InferenceError `aborted`, `shutting_down`, `engine_failed`, `numerical_error`
   */
  async *draw(
    asked: Asked<DrawCall>,
    { share, signal }: CallFor,
  ): AsyncGenerator<readonly ReportedToken[], void, undefined> {
    using work = this.#begin(signal);
    using call = new CallRecord(this.#totals);
    try {
      using _slot = await this.#slots.take(share, work.signal);
      await this.#makeSure(work.signal);
      const { server, dialect, model } = this.#settings;
      const onCached = call.begin(asked.prefix.length);
      let before: number | undefined;
      for await (const tokens of dialect.draw(server, { ...asked, model, onCached }, work.signal)) {
        const now = performance.now();
        if (before !== undefined) this.#times.observe(this.#slots.open, tokens.length, now - before);
        before = now;
        this.#totals.drawnTokens += tokens.length;
        this.#reach.heard();
        yield tokens;
      }
      call.end();
    } catch (error) {
      if (error instanceof RemoteError) call.end();
      throw this.#explain(error);
    }
  }

  /**
   * Scores given tokens, again and again until the server answers.
   * @throws InferenceError
   */
  async score(asked: Asked<ScoreCall>, { share, signal }: CallFor): Promise<readonly ReportedToken[]> {
    const backOff = new BackOff(asked.tokens.length);
    for (;;) {
      try {
        return await this.#scoreOnce(asked, { share, signal });
      } catch (error) {
        await backOff.wait(error, signal);
        this.countRetry();
      }
    }
  }

  /** Ends all calls, and waits for their ends. */
  async stop(reason: InferenceError = shuttingDown()): Promise<void> {
    this.#end ??= reason;
    const idle = this.#open.size === 0 ? undefined : new Promise<void>((resolve) => (this.#onIdle = resolve));
    for (const controller of this.#open) controller.abort();
    await idle;
  }

  async #scoreOnce(asked: Asked<ScoreCall>, { share, signal }: CallFor): Promise<readonly ReportedToken[]> {
    using work = this.#begin(signal);
    using call = new CallRecord(this.#totals);
    try {
      using _slot = await this.#slots.take(share, work.signal);
      await this.#makeSure(work.signal);
      const { server, dialect, model } = this.#settings;
      const onCached = call.begin(asked.tokens.length);
      const scores = await dialect.score!(server, { ...asked, model, onCached }, work.signal);
      this.#reach.heard();
      call.end();
      return scores;
    } catch (error) {
      if (error instanceof RemoteError) call.end();
      throw this.#explain(error);
    }
  }

  /** Work that ends with its caller's signal or with the engine, whichever is first. */
  #begin(signal: AbortSignal): Disposable & { readonly signal: AbortSignal } {
    if (this.#end !== undefined) throw this.#end;
    if (signal.aborted) throw cancelled();
    const controller = new AbortController();
    const abort = (): void => {
      controller.abort();
    };
    signal.addEventListener("abort", abort);
    this.#open.add(controller);
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        signal.removeEventListener("abort", abort);
        this.#open.delete(controller);
        if (this.#open.size === 0) this.#onIdle?.();
      },
    };
  }

  /**
   * That the server is the one that was probed, or says the same, before it is called; one question for all that want to
   * know.
   */
  async #makeSure(signal: AbortSignal): Promise<void> {
    const isSuspect = this.#settings.server.takeSuspicion(unseenMs);
    if (isSuspect && performance.now() - this.#sureSince > unsureMs) this.#isSuspect = true;
    if (!this.#isSuspect) return;
    this.#check ??= this.#findChange().finally(() => (this.#check = undefined));
    await untilAborted(this.#check, signal).catch((error: unknown) => {
      throw error instanceof RemoteError && error.retryable ? unavailable(error) : error;
    });
  }

  async #findChange(): Promise<void> {
    using work = this.#begin(new AbortController().signal);
    await this.#reach.answer(work.signal);
    const change = await this.#settings.findChange(work.signal);
    if (change === undefined) {
      this.#isSuspect = false;
      this.#sureSince = performance.now();
      return;
    }
    const { url } = this.#settings.server;
    const message = `The server at ${url} no longer serves the model that it served when this engine was opened: ${change}.`;
    const failure = new InferenceError("engine_failed", message);
    void this.stop(failure);
    throw failure;
  }

  /** What a failed call is told as; takes note of what it says of the server. */
  #explain(error: unknown): unknown {
    if (this.#end !== undefined) return this.#end;
    if (error instanceof RemoteError && error.isOutage) {
      this.#isSuspect = true;
      this.#reach.missed(error);
    }
    return error;
  }
}

/** What a promise brings, unless the signal is aborted first; it then goes on by itself. */
function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(cancelled());
    };
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", abort);
    });
  });
}
