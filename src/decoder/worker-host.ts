import type { MessagePort } from "node:worker_threads";
import { cancelled, toErrorDescription } from "../core/errors.ts";
import { TurnQueue } from "../core/turn-queue.ts";
import type { Completer, CompletionEvent, GenerateRequest } from "./completer.ts";
import { packTokens } from "./packed-tokens.ts";
import { ReplyBatches } from "./reply-batches.ts";
import { threadMemory } from "./thread-memory.ts";
import { mostUnreadEvents } from "./worker-protocol.ts";
import type { ToWorker, WorkerReply, WorkerStart } from "./worker-protocol.ts";

/** Tokens alone that are sooner copied as objects than packed. */
const leastPacked = 8;

/** How long completions may begin in one turn of the event loop, ms. */
const longestStartsMs = 2;

interface Call {
  readonly id: number;
  /** Whose it is; `undefined` for all that name none. */
  readonly client: string | undefined;
}

/** Events of one call that were sent and not read yet. */
class Unread {
  #count = 0;
  #wake: (() => void) | undefined;

  add(): void {
    this.#count++;
  }

  get areTooMany(): boolean {
    return this.#count >= mostUnreadEvents;
  }

  /** Waits while too many are. */
  async room(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake?.();
    signal.addEventListener("abort", stop);
    while (this.areTooMany && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    signal.removeEventListener("abort", stop);
  }

  remove(count: number): void {
    this.#count -= count;
    this.#wake?.();
  }
}

/** Answers calls that arrive at `port` with `completer`, until told to stop. Disposes of the completer then. */
export function hostCompleter(port: MessagePort, completer: Completer, notes: readonly string[]): void {
  const host = new WorkerHost(port, completer);
  port.on("message", (messages: readonly ToWorker[]) => {
    // A failed call reports itself; anything else takes the worker down rather than leave it half alive.
    for (const message of messages) void host.take(message);
  });
  port.postMessage({ type: "ready", model: completer.model, notes } satisfies WorkerStart);
}

class WorkerHost {
  readonly #port: MessagePort;
  readonly #completer: Completer;
  readonly #replies: ReplyBatches;
  /** By call. */
  readonly #running = new Map<number, AbortController>();
  readonly #unread = new Map<number, Unread>();
  #turnedAt = 0;
  /**
   * Completions that are to begin, and what they are to be held to. By the time that one's turn comes its client may have left: what a client asks for and
   * leaves at once costs the others next to nothing.
   */
  readonly #starts = new TurnQueue(
    () => performance.now() - this.#turnedAt > longestStartsMs,
    () => {
      this.#turnedAt = performance.now();
    },
  );

  constructor(port: MessagePort, completer: Completer) {
    this.#port = port;
    this.#completer = completer;
    this.#replies = new ReplyBatches(port);
  }

  async take(message: ToWorker): Promise<void> {
    switch (message.type) {
      case "complete":
        return this.#answer({ id: message.id, client: message.request.share?.client }, (call, signal) =>
          this.#complete(call, message.request, signal),
        );
      case "check_constraint":
        return this.#answer({ id: message.id, client: message.check.client }, async (call, signal) => {
          await this.#turnOf(call, signal);
          await this.#completer.checkConstraint(message.check, signal);
        });
      case "score":
        return this.#answer(
          { id: message.id, client: message.options.share?.client },
          async (call, signal) => {
            const { id, client } = call;
            const { tokens, options } = message;
            const scores = packTokens(await this.#completer.score(tokens, options, signal), options.topCount);
            this.#replies.push({ type: "scores", id, scores }, client);
          },
        );
      case "health":
        return this.#tellHealth(message.id, this.#port);
      case "taken":
        this.#replies.taken();
        return;
      case "read":
        this.#unread.get(message.id)?.remove(message.count);
        return;
      case "abort":
        this.#replies.drop(message.id);
        this.#running.get(message.id)?.abort();
        return;
      case "line":
        message.port.on("message", (id: number) => void this.#tellHealth(id, message.port));
        // It is no reason for the thread to go on.
        message.port.unref();
        return;
      case "end_early":
        this.#completer.endEarly();
        return;
      case "stop":
        await this.#completer[Symbol.asyncDispose]();
        this.#port.close();
    }
  }

  async #answer(call: Call, work: (call: Call, signal: AbortSignal) => Promise<void>): Promise<void> {
    const { id, client } = call;
    const controller = new AbortController();
    this.#running.set(id, controller);
    try {
      await work(call, controller.signal);
      this.#replies.push({ type: "end", id }, client);
    } catch (error) {
      const description = toErrorDescription(error);
      if (description.code === "engine_failed" && !(await this.#isElsewhere()))
        return await this.#giveUp(error);
      this.#replies.push({ type: "error", id, error: description }, client);
    } finally {
      // Where one of several draws failed, the others go on.
      controller.abort("the call is over");
      this.#running.delete(id);
      this.#unread.delete(id);
    }
  }

  /** By itself, past whatever waits to be read: an answer says that the engine is alive. */
  async #tellHealth(id: number, port: Pick<MessagePort, "postMessage">): Promise<void> {
    const health = { ...(await this.#completer.health()), thread: threadMemory() };
    port.postMessage({ type: "health", id, health } satisfies WorkerReply);
  }

  async #complete(call: Call, request: GenerateRequest, signal: AbortSignal): Promise<void> {
    const sent = new Unread();
    this.#unread.set(call.id, sent);
    await this.#turnOf(call, signal);
    for await (const event of this.#completer.complete(request, signal)) {
      this.#pushEvent(call, event, request.topCount);
      sent.add();
      if (sent.areTooMany) await sent.room(signal);
    }
  }

  async #turnOf({ client }: Call, signal: AbortSignal): Promise<void> {
    await this.#starts.next(client);
    if (signal.aborted) throw cancelled();
  }

  #pushEvent({ id, client }: Call, event: CompletionEvent, topCount: number): void {
    if (event.type !== "text" || (topCount === 0 && event.tokens.length < leastPacked)) {
      this.#replies.push({ type: "event", id, event }, client);
      return;
    }
    const tokens = packTokens(event.tokens, topCount);
    this.#replies.push({ type: "text", id, text: event.text, tokens }, client);
  }

  /** Whether a server elsewhere runs the model: what fails there, another worker would fail at too, and with it all others. */
  async #isElsewhere(): Promise<boolean> {
    return (await this.#completer.health()).details?.kind === "remote";
  }

  /**
   * A failed engine does not heal; the worker that takes this one's place starts afresh. What the engine holds is not the
   * thread's, so it would outlive it: memory, and a device that is lost as long as an engine holds it.
   */
  async #giveUp(error: unknown): Promise<never> {
    await this.#completer[Symbol.asyncDispose]();
    throw error;
  }
}
