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
 * Sends as one message what comes of one callback of the event loop, a pass and all that goes on from it: each message costs
 * both threads. Not at the loop's next turn, since the engine may have begun another pass by then, which keeps the thread. The server's thread says when
 * it has taken a batch in, and has few of them before it at any time, however many calls there are: what it does in one
 * turn is bounded, and it serves its sockets in between. What waits meanwhile is taken from all clients in turn, and from
 * all calls of each.
 */
export class ReplyBatches {
  readonly #port: Pick<MessagePort, "postMessage">;
  /** What waits, by client and call; those that were served last stand last. None is empty. */
  readonly #waiting = new Map<string, Map<number, WorkerReply[]>>();
  #since: number | undefined;
  #unread = 0;

  constructor(port: Pick<MessagePort, "postMessage">) {
    this.#port = port;
  }

  /** @param client whose call it is the reply to; empty where it is not known */
  push(reply: WorkerReply, client = ""): void {
    const calls = this.#waiting.get(client) ?? new Map<number, WorkerReply[]>();
    const queue = calls.get(reply.id);
    if (queue === undefined) this.#waiting.set(client, calls.set(reply.id, [reply]));
    else queue.push(reply);
    const now = performance.now();
    if (this.#since === undefined) {
      this.#since = now;
      process.nextTick(() => {
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
    for (const [client, calls] of this.#waiting)
      if (calls.delete(id) && calls.size === 0) this.#waiting.delete(client);
  }

  /** One reply of each client, then the next of each, until the batch is full. */
  #take(): WorkerReply[] {
    const batch: WorkerReply[] = [];
    let tokens = 0;
    // A client that has more is put behind the others, where this very loop comes to it again.
    for (const [client, calls] of this.#waiting) {
      if (batch.length >= batchSize || tokens >= batchTokens) break;
      const reply = takeOne(calls);
      batch.push(reply);
      tokens += tokensOf(reply);
      this.#waiting.delete(client);
      if (calls.size > 0) this.#waiting.set(client, calls);
    }
    return batch;
  }
}

/** The next reply of the call whose turn it is; its turn comes again when that of the others has. */
function takeOne(calls: Map<number, WorkerReply[]>): WorkerReply {
  const [id, queue] = calls.entries().next().value!;
  const reply = queue.shift()!;
  calls.delete(id);
  if (queue.length > 0) calls.set(id, queue);
  return reply;
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
