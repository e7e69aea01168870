import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";

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
    this.#heartbeat = setInterval(() => reply.raw.write(": heartbeat\n\n"), heartbeatMs).unref();
  }

  /** Waits while the client reads more slowly than it is sent. @throws when it goes away meanwhile */
  async send(data: object | "[DONE]"): Promise<void> {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    if (!this.#response.write(`data: ${text}\n\n`))
      await once(this.#response, "drain", { signal: this.#signal });
  }

  /** Ends the answer. */
  [Symbol.dispose](): void {
    clearInterval(this.#heartbeat);
    this.#response.end();
  }
}
