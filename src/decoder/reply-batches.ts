import type { MessagePort } from "node:worker_threads";
import { buffersOf } from "./packed-tokens.ts";
import { mostBatchesUnread } from "./worker-protocol.ts";
import type { WorkerReply } from "./worker-protocol.ts";

/** How long a reply may wait for others, ms, where work keeps the event loop from turning. */
const maxReplyDelayMs = 2;

/** Replies of one batch, and tokens that their traces come to, at most: a few milliseconds' work for the reader. */
const batchSize = 128;
const batchTokens = 8192;

/**
 * Sends what comes in one turn of the event loop as one message: each costs both threads. The server's thread says when
 * it has taken a batch in, and has few of them before it at any time, however many calls there are: what it does in one
 * turn is bounded, and it serves its sockets in between. What waits meanwhile is taken from all calls in turn.
 */
export class ReplyBatches {
  readonly #port: Pick<MessagePort, "postMessage">;
  /** What waits, by call; those that were served last stand last. */
  readonly #waiting = new Map<number, WorkerReply[]>();
  #since: number | undefined;
  #unread = 0;

  constructor(port: Pick<MessagePort, "postMessage">) {
    this.#port = port;
  }

  push(reply: WorkerReply): void {
    const queue = this.#waiting.get(reply.id);
    if (queue === undefined) this.#waiting.set(reply.id, [reply]);
    else queue.push(reply);
    const now = performance.now();
    if (this.#since === undefined) {
      this.#since = now;
      setImmediate(() => {
        this.#flush();
      });
    } else if (now - this.#since > maxReplyDelayMs) this.#flush();
  }

  /** The server's thread has taken a batch in. */
  taken(): void {
    this.#unread--;
    this.#flush();
  }

  #flush(): void {
    this.#since = undefined;
    while (this.#unread < mostBatchesUnread && this.#waiting.size > 0) {
      this.#unread++;
      const batch = this.#take();
      this.#port.postMessage(batch, batch.flatMap(handedOver));
    }
  }

  /** Forgets what waits of a call that nothing reads any more. */
  drop(id: number): void {
    this.#waiting.delete(id);
  }

  /** One reply of each call, then the next of each, until the batch is full. */
  #take(): WorkerReply[] {
    const batch: WorkerReply[] = [];
    let tokens = 0;
    // A call that has more is put behind the others, where this very loop comes to it again.
    for (const [id, queue] of this.#waiting) {
      if (batch.length >= batchSize || tokens >= batchTokens) break;
      const reply = queue.shift()!;
      batch.push(reply);
      tokens += tokensOf(reply);
      this.#waiting.delete(id);
      if (queue.length > 0) this.#waiting.set(id, queue);
    }
    return batch;
  }
}

/** What of a reply changes hands instead of being copied. */
function handedOver(reply: WorkerReply): ArrayBuffer[] {
  if (reply.type === "text") return buffersOf(reply.tokens);
  return reply.type === "scores" ? buffersOf(reply.scores) : [];
}

function tokensOf(reply: WorkerReply): number {
  if (reply.type !== "event") return 0;
  const { event } = reply;
  if (event.type === "text") return event.tokens.length;
  return event.type === "trace" && "tokens" in event.trace ? event.trace.tokens.length : 0;
}
