import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import {
  InferenceError,
  cancelled,
  fromErrorDescription,
  shuttingDown,
  toErrorDescription,
} from "../core/errors.ts";
import type { Awaitable } from "../core/token-stream.ts";
import type { TokenList } from "../core/token-list.ts";
import type { TokenIds } from "../core/tokens.ts";
import { EventQueue } from "../core/event-queue.ts";
import type {
  Completer,
  CompleterHealth,
  CompletionEvent,
  ConstraintCheck,
  GenerateRequest,
  ModelInfo,
  ScoreOptions,
} from "./completer.ts";
import { PackedTokens } from "./packed-tokens.ts";
import type { PromptEncoder } from "./prompts/prompt-encoder.ts";
import { startWorker } from "./start-worker.ts";
import type { StartedWorker, WorkerSource } from "./start-worker.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { mostUnreadEvents } from "./worker-protocol.ts";
import type { ToWorker, WorkerReply } from "./worker-protocol.ts";

export interface WorkerCompleterOptions extends WorkerSource {
  readonly tokenizer: Tokenizer;
  /** May still be starting, which it does beside the worker; the completer owns it, failed starts included. */
  readonly prompts: Awaitable<PromptEncoder>;
  /** Called with each worker that is ready: it takes a `line` to whatever else asks for its health. */
  readonly onWorker?: (worker: Pick<Worker, "postMessage">) => void;
  /** How long a health call may take before the worker counts as hung. */
  readonly healthTimeoutMs?: number;
}

type Call = EventQueue<Exclude<WorkerReply, { type: "end" | "error" }>>;

/** Pause before a dead worker is replaced, so that one that dies at once does not spin; doubles up to the longest. */
const restartDelayMs = 500;
const longestRestartDelayMs = 30_000;

/**
 * A completer in a worker thread. A worker that dies fails what ran with `engine_failed` and is replaced; calls
 * made meanwhile wait for the new one, and fail when it does not start either, as do those that come before one does.
 */
export class WorkerCompleter implements Completer {
  readonly model: ModelInfo;
  readonly tokenizer: Tokenizer;
  readonly prompts: PromptEncoder;
  readonly #options: WorkerCompleterOptions;
  readonly #calls = new Map<number, Call>();
  #worker: Promise<Worker>;
  /** Settles when the worker at hand is gone. */
  #exit: Promise<void> = Promise.resolve();
  #isRestarting = false;
  /** Why no worker could be started since the last one died. */
  #problem: InferenceError | undefined;
  #nextId = 0;
  /** Of this turn. */
  readonly #outgoing = new Map<Worker, ToWorker[]>();
  readonly #stop = new AbortController();
  #isEnding = false;

  private constructor(options: WorkerCompleterOptions, started: StartedWorker, prompts: PromptEncoder) {
    this.#options = options;
    this.tokenizer = options.tokenizer;
    this.prompts = prompts;
    this.model = started.model;
    this.#worker = Promise.resolve(this.#adopt(started));
  }

  /** @throws InferenceError what the worker says when it cannot start, or why `prompts` could not */
  static async start(options: WorkerCompleterOptions): Promise<WorkerCompleter> {
    const [started, prompts] = await Promise.allSettled([startWorker(options), options.prompts]);
    if (started.status === "fulfilled" && prompts.status === "fulfilled")
      return new WorkerCompleter(options, started.value, prompts.value);
    if (started.status === "fulfilled") await started.value.worker.terminate();
    if (prompts.status === "fulfilled") await prompts.value[Symbol.asyncDispose]();
    throw started.status === "rejected" ? started.reason : (prompts as PromiseRejectedResult).reason;
  }

  async *complete(
    request: GenerateRequest,
    signal: AbortSignal,
  ): AsyncGenerator<CompletionEvent, void, undefined> {
    for await (const reply of this.#call((id) => ({ type: "complete", id, request }), signal)) {
      if (reply.type === "event") yield reply.event;
      if (reply.type === "text")
        yield { type: "text", text: reply.text, tokens: new PackedTokens(reply.tokens) };
    }
  }

  async checkConstraint(check: ConstraintCheck, signal: AbortSignal): Promise<void> {
    for await (const reply of this.#call((id) => ({ type: "check_constraint", id, check }), signal))
      unexpected(reply);
  }

  async score(tokens: TokenIds, options: ScoreOptions, signal: AbortSignal): Promise<TokenList> {
    const reply = await this.#callOnce((id) => ({ type: "score", id, tokens, options }), signal);
    return reply.type === "scores" ? new PackedTokens(reply.scores) : unexpected(reply);
  }

  async health(): Promise<CompleterHealth> {
    const timeoutMs = this.#options.healthTimeoutMs ?? 5_000;
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const reply = await this.#callOnce((id) => ({ type: "health", id }), signal);
      return reply.type === "health" ? reply.health : unexpected(reply);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new InferenceError("engine_failed", `The engine has not answered for ${timeoutMs} ms.`, {
        cause: error,
      });
    }
  }

  endEarly(): void {
    this.#isEnding = true;
    this.#worker.then(
      (worker) => {
        this.#send(worker, { type: "end_early" });
      },
      () => undefined,
    );
    // What waits for a worker that is being restarted would wait in vain.
    if (this.#isRestarting) this.#failCalls(shuttingDown());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const worker = await this.#worker.catch(() => undefined);
    if (worker !== undefined) this.#send(worker, { type: "stop" });
    await Promise.all([this.#exit, this.prompts[Symbol.asyncDispose]()]);
  }

  async #callOnce(message: (id: number) => ToWorker, signal: AbortSignal): Promise<WorkerReply> {
    for await (const reply of this.#call(message, signal)) return reply;
    throw new InferenceError("internal", "The worker ended a call without an answer.");
  }

  async *#call(
    message: (id: number) => ToWorker,
    signal: AbortSignal,
  ): AsyncGenerator<WorkerReply, void, undefined> {
    if (signal.aborted) throw cancelled();
    if (this.#stopping || this.#isEnding) throw shuttingDown();
    // The next attempt may be half a minute off.
    if (this.#problem !== undefined) throw this.#problem;
    const id = this.#nextId++;
    const queue: Call = new EventQueue();
    const onAbort = (): void => {
      queue.fail(cancelled());
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#calls.set(id, queue);
    let worker: Worker | undefined;
    // The caller can abort a call while it waits for a worker, too.
    this.#worker.then(
      (started) => {
        if (this.#calls.get(id) !== queue) return;
        worker = started;
        this.#send(worker, message(id));
      },
      (error: unknown) => {
        queue.fail(error);
      },
    );
    let isOver = false;
    try {
      let read = 0;
      for await (const reply of queue) {
        yield reply;
        if (++read < mostUnreadEvents / 2) continue;
        if (worker !== undefined) this.#send(worker, { type: "read", id, count: read });
        read = 0;
      }
      isOver = true;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#calls.delete(id);
      // The caller left it, or it failed.
      if (!isOver && worker !== undefined) this.#send(worker, { type: "abort", id });
    }
  }

  /**
   * Sends what is to be sent in this turn as one message: what completions of one request have in common (its prompt,
   * stop strings, biases) is copied once in a message, and would be copied for each in messages of their own.
   */
  #send(worker: Worker, message: ToWorker): void {
    const waiting = this.#outgoing.get(worker);
    if (waiting !== undefined) {
      waiting.push(message);
      return;
    }
    const messages = [message];
    this.#outgoing.set(worker, messages);
    process.nextTick(() => {
      this.#outgoing.delete(worker);
      worker.postMessage(messages);
    });
  }

  get #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  #adopt({ worker }: StartedWorker): Worker {
    this.#options.onWorker?.(worker);
    worker.on("message", (message: WorkerReply | readonly WorkerReply[]) => {
      if ("type" in message) {
        this.#deliver(message);
        return;
      }
      for (const reply of message) this.#deliver(reply);
      // In another turn: sockets are served before the next batch comes.
      setImmediate(() => {
        this.#send(worker, { type: "taken" });
      });
    });
    let reason = "it exited";
    worker.on("error", (error) => {
      reason = toErrorDescription(error).message;
    });
    this.#exit = new Promise<void>((resolve) => {
      worker.once("exit", () => {
        this.#lose(reason);
        resolve();
      });
    });
    return worker;
  }

  #deliver(reply: WorkerReply): void {
    const call = this.#calls.get(reply.id);
    if (reply.type === "end") call?.end();
    else if (reply.type === "error") call?.fail(fromErrorDescription(reply.error));
    else call?.push(reply);
  }

  #lose(reason: string): void {
    if (this.#stopping || this.#isEnding) {
      this.#failCalls(shuttingDown());
      return;
    }
    this.#failCalls(
      new InferenceError(
        "engine_failed",
        `The engine's worker died (${reason}) and is being restarted; send the request again.`,
      ),
    );
    this.#options.onNote(`The engine's worker died (${reason}); restarting it.`);
    this.#worker = this.#restart();
  }

  #failCalls(error: InferenceError): void {
    for (const call of this.#calls.values()) call.fail(error);
    this.#calls.clear();
  }

  async #restart(): Promise<Worker> {
    this.#isRestarting = true;
    for (let delayMs = restartDelayMs; ; delayMs = Math.min(2 * delayMs, longestRestartDelayMs)) {
      await sleep(delayMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stopping) throw shuttingDown();
      try {
        const worker = this.#adopt(await startWorker(this.#options));
        this.#isRestarting = false;
        this.#problem = undefined;
        return worker;
      } catch (error) {
        const problem = `The engine's worker did not start: ${toErrorDescription(error).message}`;
        this.#options.onNote(problem);
        this.#problem = new InferenceError(
          "engine_failed",
          `${problem} It is tried again; send the request later.`,
        );
        this.#failCalls(this.#problem);
      }
    }
  }
}

function unexpected(reply: WorkerReply): never {
  throw new InferenceError("internal", `The worker answered with '${reply.type}'.`);
}
