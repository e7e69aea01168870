import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import { JsonReader } from "./long-json.ts";
import type { Json } from "./long-json.ts";
import { nextTurn } from "./turns.ts";

export interface EventStreamOptions {
  /** Interval of the comments that keep a silent stream alive, ms. */
  readonly heartbeatMs: number;
  /** Aborted when the client is gone or the time is up. */
  readonly signal: AbortSignal;
}

/** Server-sent events (WHATWG HTML, section 9.2) as the answer to a request, which Fastify then leaves alone. */
export class EventStream implements Disposable {
  readonly #response: ServerResponse;
  readonly #signal: AbortSignal;
  readonly #heartbeat: NodeJS.Timeout;
  #isAmidEvent = false;

  constructor(reply: FastifyReply, { heartbeatMs, signal }: EventStreamOptions) {
    this.#response = reply.raw;
    this.#signal = signal;
    reply
      .headers({
        "content-type": "text/event-stream",
        // Proxies must neither keep nor rewrite what arrives piece by piece, nginx not gather it.
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
      })
      .hijack();
    for (const [name, value = ""] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value);
    reply.raw.writeHead(200);
    this.#heartbeat = setInterval(() => {
      if (!this.#isAmidEvent && !reply.raw.writableNeedDrain) reply.raw.write(": heartbeat\n\n");
    }, heartbeatMs).unref();
  }

  /** Whether nothing can follow: the client has stopped reading, or an event was not sent to its end. */
  get isStuck(): boolean {
    return this.#isAmidEvent || (this.#signal.aborted && this.#response.writableNeedDrain);
  }

  /**
   * Waits while the client reads more slowly than it is sent.
   * @param event its name, for clients that tell events apart by it
   * @throws when it goes away meanwhile
   */
  async send(data: Json<object> | "[DONE]", event?: string): Promise<void> {
    if (typeof data === "string") return this.#write(`data: ${data}\n\n`);
    const reader = new JsonReader(data);
    let { text, isLast } = reader.read();
    text = `${event === undefined ? "" : `event: ${event}\n`}data: ${text}`;
    for (; !isLast; { text, isLast } = reader.read()) {
      this.#isAmidEvent = true;
      await this.#write(text);
      await nextTurn();
      this.#signal.throwIfAborted();
    }
    this.#isAmidEvent = false;
    return this.#write(`${text}\n\n`);
  }

  async #write(text: string): Promise<void> {
    if (!this.#response.write(text)) await once(this.#response, "drain", { signal: this.#signal });
  }

  /** Ends the answer, where nothing can follow by closing the connection. */
  [Symbol.dispose](): void {
    clearInterval(this.#heartbeat);
    if (this.isStuck) this.#response.destroy();
    else this.#response.end();
  }
}
