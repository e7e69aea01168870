import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Stream } from "../../lab/stream.ts";
import type { SoakRequest } from "./requests.ts";
import type { Outcome } from "./tally.ts";

/** Where a client stops reading for good. */
const leavingPlaces = ["in its body", "before the head", "after the head", "in the answer"] as const;

/** How a client reads: to the end, slowly, or until it leaves. */
export type Habit = (typeof leavingPlaces)[number] | "reads" | "reads slowly";

export function drawHabit(draw: Stream): Habit {
  const u = draw.uniform();
  if (u < 1 / 3) return draw.pick(leavingPlaces);
  return u < 0.45 ? "reads slowly" : "reads";
}

export interface SoakTarget {
  readonly host: string;
  readonly port: number;
  /** Address that the client speaks from, so that limits of an address bind each and not all of them. */
  readonly localAddress: string | undefined;
}

const gone: Outcome = { type: "left" };

/** A client with one connection, which it keeps from request to request. */
export class HttpClient {
  readonly #target: SoakTarget;
  readonly #draw: Stream;
  readonly #ending: AbortSignal;
  #agent: Agent;

  constructor(target: SoakTarget, draw: Stream, ending: AbortSignal) {
    this.#target = target;
    this.#draw = draw;
    this.#ending = ending;
    this.#agent = this.#newAgent();
  }

  /** Sends a request and reads its answer, as the habit has it. */
  async ask(asked: SoakRequest, habit: Habit): Promise<Outcome> {
    const { request, response } = this.#send(asked);
    const stop = (): void => {
      request.destroy();
    };
    this.#ending.addEventListener("abort", stop, { once: true });
    try {
      return await this.#read(asked, habit, { request, response });
    } catch (error) {
      if (this.#ending.aborted) return gone;
      // The server may close a connection that was idle just as it is used again: HTTP has clients ask once more.
      if (request.reusedSocket && isReset(error)) return await this.ask(asked, habit);
      return { type: "failed", why: error instanceof Error ? error.message : String(error) };
    } finally {
      this.#ending.removeEventListener("abort", stop);
    }
  }

  /** Holds a connection that says nothing, or half a head, for a while. */
  async idle(): Promise<Outcome> {
    const { host, port, localAddress } = this.#target;
    const socket = connect({ host, port, ...(localAddress === undefined ? {} : { localAddress }) });
    socket.on("error", () => undefined);
    if (this.#draw.uniform() < 0.5) socket.write("POST /v1/completions HTTP/1.1\r\nhost: x\r\n");
    await sleep(this.#draw.integer(100, 5_000), undefined, { signal: this.#ending }).catch(() => undefined);
    socket.destroy();
    return { type: "done" };
  }

  close(): void {
    this.#agent.destroy();
  }

  #newAgent(): Agent {
    return new Agent({ keepAlive: true, maxSockets: 1 });
  }

  #send({ path, body, headers }: SoakRequest): Sent {
    const bytes = Buffer.byteLength(body);
    const request = httpRequest({
      ...this.#target,
      path,
      method: "POST",
      agent: this.#agent,
      headers: { ...headers, "content-length": bytes },
    });
    // Also after the head, when a client that leaves has no further use for it.
    request.on("error", () => undefined);
    const response = once(request, "response").then(([message]) => message as IncomingMessage);
    response.catch(() => undefined);
    return { request, response };
  }

  async #read({ body, fault }: SoakRequest, habit: Habit, { request, response }: Sent): Promise<Outcome> {
    if (habit === "in its body") {
      request.write(body.slice(0, this.#draw.integer(0, body.length - 1)));
      await this.#pause(50);
      request.destroy();
      return gone;
    }
    request.end(body);
    if (habit === "before the head") {
      await this.#pause(300);
      request.destroy();
      return gone;
    }
    const message = await response;
    if (habit === "after the head") {
      message.destroy();
      return gone;
    }
    const text = await this.#readBody(message, habit);
    if (text === undefined) return gone;
    const why = fault(message.statusCode ?? 0, text);
    return why === undefined ? { type: "done" } : { type: "failed", why };
  }

  /** @returns `undefined` when the client left it */
  async #readBody(message: IncomingMessage, habit: Habit): Promise<string | undefined> {
    const chunks: Buffer[] = [];
    const leavesAfter = habit === "in the answer" ? this.#draw.integer(1, 6) : Infinity;
    for await (const chunk of message as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      if (chunks.length >= leavesAfter) {
        message.destroy();
        return undefined;
      }
      if (habit === "reads slowly") await this.#pause(200);
    }
    return Buffer.concat(chunks).toString();
  }

  #pause(longestMs: number): Promise<void> {
    return sleep(this.#draw.integer(0, longestMs));
  }
}

interface Sent {
  readonly request: ClientRequest;
  readonly response: Promise<IncomingMessage>;
}

const isReset = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
