import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { uniform } from "../../../src/core/random.ts";
import type { TokenId, TokenIds } from "../../../src/core/tokens.ts";
import { adjustLogits } from "../../../src/sampling/logit-adjustments.ts";
import type { LogitAdjustments } from "../../../src/sampling/logit-adjustments.ts";
import { logSoftmax } from "../toy-model.ts";

/** What a fake server runs: an enumerable model. */
export interface FakeModel {
  readonly name: string;
  readonly vocabularySize: number;
  readonly contextLength: number;
  /** Next-token logits after a prefix. */
  readonly logits: (prefix: TokenIds) => Float32Array;
  /** Its tokenizer; code points where left out. */
  readonly tokenize?: (text: string) => Promise<TokenIds>;
}

/** How calls go wrong. All may be changed while it runs. */
export interface FakeFaults {
  /** Answers so many calls with this status instead. */
  refuse?: { status: number; times: number; retryAfter?: string; message?: string } | undefined;
  /** Cuts the connections of so many calls after as many tokens; in the midst of an event. */
  cut?: { after: number; times: number } | undefined;
  /** Is silent in so many calls after as many tokens, and leaves them open. */
  stall?: { after: number; times: number } | undefined;
  /** Instead of a token's log-prob, from the so-many-eth token of a call on. */
  writes?: { after: number; logprob: number | null | string } | undefined;
  /** Sends so many bytes that are no answer, with status 200. */
  garbage?: string | undefined;
  /** Waits before each token, ms. */
  tokenMs?: number | undefined;
  /** Waited for before each pass; what it throws is the server's error 500. */
  onPass?: (() => Promise<void> | void) | undefined;
  /** Fails at calls with such a prompt. */
  isBroken?: ((prompt: TokenIds) => boolean) | undefined;
  /** After such a prefix the model gives no numbers. */
  isPoisoned?: ((prefix: TokenIds) => boolean) | undefined;
}

/** What a call's law is, in any dialect. */
export interface FakeSampling {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly adjustments: LogitAdjustments;
}

export interface FakeDraw {
  readonly token: TokenId;
  /** log p of every token, under the raw model. */
  readonly raw: readonly number[];
  /** The same after bias and penalties. */
  readonly adjusted: readonly number[];
  /** log q of every token. */
  readonly sampled: readonly number[];
}

/** A call that reached the server. */
export interface SeenCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
  /** Tokens drawn for it. */
  drawn: number;
  /** Whether the client closed it before it was through. */
  aborted: boolean;
  /** When the client has closed it, or it is through. */
  readonly closed: Promise<unknown>;
}

type Answer = (call: SeenCall, response: ServerResponse) => Promise<void>;

/** HTTP, the model's law, faults and a log of what was asked; a subclass speaks a dialect. */
export abstract class FakeServer implements AsyncDisposable {
  model: FakeModel;
  faults: FakeFaults;
  /** Refused where it is there and a call brings another one. */
  key: string | undefined;
  readonly calls: SeenCall[] = [];
  /** Paths that it does not have. */
  readonly hidden = new Set<string>();
  running = 0;
  /** Connections that were made to it. */
  connections = 0;
  #server: Server | undefined;
  #port = 0;

  constructor(model: FakeModel, faults: FakeFaults = {}) {
    this.model = model;
    this.faults = faults;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Where it stood before, if it did. */
  async start(): Promise<this> {
    const server = createServer((request, response) => {
      void this.#serve(request, response);
    });
    server.keepAliveTimeout = 60_000;
    server.on("connection", () => {
      this.connections++;
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** As if it were killed. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  protected async tokenize(text: string): Promise<TokenIds> {
    return this.model.tokenize?.(text) ?? Array.from(text, (character) => character.codePointAt(0)!);
  }

  /** What answers at a path; `undefined` for 404. */
  protected abstract route(method: string, path: string): Answer | undefined;
  /** The body of an error. */
  protected abstract error(status: number, message: string): object;

  /**
   * Draws a token by inverse CDF from a generator that is seeded by the call: the same seed, prefix and law give the
   * same token.
   */
  protected draw(prefix: TokenIds, sampling: FakeSampling, seed: number): FakeDraw {
    const logits = this.model.logits(prefix);
    const raw = logSoftmax(logits);
    const adjusted = logSoftmax(adjustLogits(logits, sampling.adjustments, prefix));
    const sampled = lawOf(adjusted, sampling);
    const u = uniform({ seed, choice: 0, stage: 0, step: 0 }, "token", prefix.length);
    let mass = 0;
    const found = sampled.findIndex((logQ) => (mass += Math.exp(logQ)) > u);
    return { token: found >= 0 ? found : sampled.indexOf(Math.max(...sampled)), raw, adjusted, sampled };
  }

  /** Before each token of a call: whether the client is still there. */
  protected async pass(call: SeenCall): Promise<boolean> {
    const { tokenMs, onPass, stall } = this.faults;
    if (stall !== undefined && stall.times > 0 && call.drawn >= stall.after) {
      stall.times--;
      await call.closed;
    }
    await new Promise((resolve) =>
      tokenMs === undefined ? setImmediate(resolve) : setTimeout(resolve, tokenMs),
    );
    await onPass?.();
    return !call.aborted;
  }

  /** What is written for a log-prob: a fault's, where one is due. */
  protected written(call: SeenCall, prefix: TokenIds, logprob: number): number | null | string {
    const { writes, isPoisoned } = this.faults;
    if (isPoisoned?.(prefix) === true) return null;
    if (writes !== undefined && call.drawn >= writes.after) return writes.logprob;
    // As JSON has it.
    return Number.isFinite(logprob) ? Math.fround(logprob) : null;
  }

  /** Cuts the connection where a fault says so, in the midst of an event. */
  protected cuts(call: SeenCall, response: ServerResponse): boolean {
    const { cut } = this.faults;
    if (cut === undefined || cut.times === 0 || call.drawn < cut.after) return false;
    cut.times--;
    response.write('data: {"cho');
    setImmediate(() => response.destroy());
    return true;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url!;
    const call: SeenCall = {
      path,
      headers: request.headers,
      body: await readBody(request),
      drawn: 0,
      aborted: false,
      closed: once(response, "close"),
    };
    this.calls.push(call);
    response.once("close", () => {
      if (!response.writableFinished) call.aborted = true;
    });
    this.running++;
    try {
      await this.#answer(call, request.method!, response);
    } catch (error) {
      if (response.headersSent) {
        response.write(`data: ${JSON.stringify(this.error(500, String(error)))}\n\ndata: [DONE]\n\n`);
        response.end();
      } else send(response, 500, this.error(500, String(error)));
    } finally {
      this.running--;
    }
  }

  async #answer(call: SeenCall, method: string, response: ServerResponse): Promise<void> {
    const { refuse, garbage } = this.faults;
    const given = call.headers.authorization;
    if (this.key !== undefined && given !== `Bearer ${this.key}`) {
      send(response, 401, this.error(401, `Unauthorized: ${given}`));
      return;
    }
    const answer = this.hidden.has(call.path) ? undefined : this.route(method, call.path);
    if (answer === undefined) {
      send(response, 404, this.error(404, "Not Found"));
      return;
    }
    if (method === "POST" && refuse !== undefined && refuse.times > 0) {
      refuse.times--;
      if (refuse.retryAfter !== undefined) response.setHeader("retry-after", refuse.retryAfter);
      send(response, refuse.status, this.error(refuse.status, refuse.message ?? "refused"));
      return;
    }
    if (method === "POST" && garbage !== undefined) {
      response.writeHead(200, { "content-type": "text/event-stream" }).end(garbage);
      return;
    }
    await answer(call, response);
  }
}

/** log q of every token: temperature, then min_p, top_k and top_p. */
function lawOf(logprobs: readonly number[], { temperature, topK, topP, minP }: FakeSampling): number[] {
  const order = logprobs.map((_, id) => id).sort((a, b) => logprobs[b]! - logprobs[a]! || a - b);
  if (temperature === 0) return logprobs.map((_, id) => (id === order[0] ? 0 : -Infinity));
  const normalized = (kept: (id: TokenId, rank: number) => boolean, logs: readonly number[]): number[] => {
    const left = logs.map((log) => log);
    for (const [rank, id] of order.entries()) if (!kept(id, rank)) left[id] = -Infinity;
    return logSoftmax(Float32Array.from(left));
  };
  let law = normalized(
    () => true,
    logprobs.map((log) => log / temperature),
  );
  const most = law[order[0]!]!;
  if (minP > 0) {
    const tempered = law;
    law = normalized((id) => tempered[id]! >= most + Math.log(minP), law);
  }
  if (topK > 0) law = normalized((_, rank) => rank < topK, law);
  if (topP < 1) {
    let mass = 0;
    const kept = new Set(
      order.filter((id) => {
        const isKept = mass < topP;
        mass += Math.exp(law[id]!);
        return isKept;
      }),
    );
    law = normalized((id) => kept.has(id), law);
  }
  return law;
}

export function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const part of request) text += String(part);
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}
