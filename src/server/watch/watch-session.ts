import type { FastifyRequest } from "fastify";
import type { WebSocket } from "@fastify/websocket";
import { clip } from "../../core/clip.ts";
import { InferenceError, shuttingDown } from "../../core/errors.ts";
import { traceNames } from "../../decoder/completer.ts";
import { answerHead } from "../answer.ts";
import { completionEndpoint, prepare } from "../endpoint.ts";
import type { Connections } from "../connections.ts";
import { readJson } from "../json.ts";
import { describeError, describeIssues, logFailure, toErrorResponse } from "../errors.ts";
import { longObject } from "../long-json.ts";
import { shownChoices } from "../selection/shown-choices.ts";
import type { LongJson } from "../long-json.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import type { RouteContext } from "../routes/context.ts";
import { RequestLifetime } from "../request-signal.ts";
import { runAdmitted } from "../run-admitted.ts";
import type { CompletionRequest, CompletionResponse } from "../schemas/completions.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import { cancelMessage, completeMessage, requestId } from "./messages.ts";
import { eventNames } from "./protocol.ts";
import type { CancelMessage, CompleteMessage, EventOf, WatchEvent } from "./messages.ts";
import type { EventName } from "./protocol.ts";
import { answerPings } from "./control-frames.ts";
import { countMessages } from "./count-messages.ts";
import { Mailbox } from "./mailbox.ts";
import type { Mail } from "./mailbox.ts";
import { Outbox } from "./outbox.ts";
import { Reading } from "./reading.ts";
import { WatchPresenter } from "./watch-presenter.ts";

export interface SessionOptions {
  readonly context: RouteContext;
  /** The request that opened the socket: it identifies the client. */
  readonly request: FastifyRequest;
  readonly pingIntervalMs: number;
  readonly connections: Connections;
}

/** Pings that may go unanswered, with nothing read meanwhile, before a peer counts as gone. */
const patience = 3;

/** Requests that may run on one socket at once. */
const mostRunning = 256;

/** Going away, in WebSocket's table of close codes. */
const goingAway = 1001;

/** How long a peer may take to answer that its socket closes, ms: a silent one must not hold up the server's end. */
const closeMs = 500;

interface Watch {
  /** Events that the client asked to see. */
  readonly wanted: ReadonlySet<EventName>;
  readonly lifetime: RequestLifetime;
}

/** One client's socket: runs the requests that arrive on it, until it closes. */
export class WatchSession {
  /** Resolves once the socket is closed and all that ran for it has stopped. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #options: SessionOptions;
  readonly #outbox: Outbox;
  readonly #running = new Map<string, { readonly lifetime: RequestLifetime; work: Promise<void> }>();
  /** Answers that are being sent. */
  readonly #ending = new Set<Promise<void>>();
  #silentPings = 0;
  #isClosing = false;

  constructor(socket: WebSocket, options: SessionOptions) {
    this.#socket = socket;
    this.#options = options;
    const isAlive = (): void => {
      this.#silentPings = 0;
    };
    const reading = new Reading(socket);
    this.#outbox = new Outbox(socket, reading, isAlive);
    const mailbox = new Mailbox(socket, reading, (mail) => this.#take(mail));
    const pings = setInterval(() => {
      this.#ping();
    }, options.pingIntervalMs);
    answerPings(socket);
    const { context, request } = options;
    const client = context.identifyClient(request);
    const holdMessage = countMessages(socket, {
      connection: request.raw.socket,
      client,
      bodies: context.bodies,
    });
    socket.on("pong", isAlive);
    socket.on("message", (message, isBinary) => {
      isAlive();
      // As ws hands messages over unless told otherwise.
      const data = message as Buffer;
      const hold = holdMessage(data.length);
      try {
        mailbox.put({ data, isBinary, hold });
      } catch (error) {
        hold[Symbol.dispose]();
        this.#fail(null, error);
      }
    });
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        clearInterval(pings);
        const running = [...this.#running.values()];
        if (running.length > 0) options.request.log.info("the client went away");
        for (const { lifetime } of running) lifetime.cancel("The client went away.");
        void Promise.all([...running.map(({ work }) => work), ...this.#ending])
          .catch(() => undefined)
          .then(() => {
            resolve();
          });
      });
    });
  }

  /** Refuses further requests, lets those that run finish, then closes. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#closeIfIdle();
    await this.closed;
  }

  #closeIfIdle(): void {
    if (this.#isClosing && this.#running.size === 0 && this.#ending.size === 0) {
      this.#socket.close(goingAway, "The server is shutting down.");
      setTimeout(() => {
        this.#socket.terminate();
      }, closeMs).unref();
    }
  }

  #ping(): void {
    if (this.#silentPings++ >= patience) this.#socket.terminate();
    else this.#socket.ping();
  }

  async #take(mail: Mail): Promise<void> {
    let id: string | null = null;
    let work = Promise.resolve();
    try {
      const json = await readMessage(mail);
      id = requestId.safeParse(json.id).data ?? null;
      const message = parseMessage(json);
      if (message.type === "cancel")
        this.#running.get(message.id)?.lifetime.cancel("The request was cancelled.");
      else work = this.#start(message);
    } catch (error) {
      // An error with the id of a running request would end that one.
      this.#fail(id !== null && this.#running.has(id) ? null : id, error);
    }
    // What it asks for has parts of it until it is answered.
    void work.then(() => {
      mail.hold[Symbol.dispose]();
    });
  }

  /** @returns when it is answered; never rejects */
  #start(message: CompleteMessage): Promise<void> {
    const { id, type: _type, events, ...body } = message;
    if (this.#running.has(id)) {
      throw new InferenceError(
        "invalid_request",
        `id: a request with the id '${id}' is running on this socket. Choose another.`,
        { param: "id" },
      );
    }
    if (this.#isClosing) throw shuttingDown();
    if (this.#running.size >= mostRunning) {
      throw new InferenceError(
        "overloaded",
        `${mostRunning} requests are running on this socket. Wait for one to end, or open another socket.`,
      );
    }
    const lifetime = new RequestLifetime(this.#options.context.requestTimeoutMs);
    const entry = { lifetime, work: Promise.resolve() };
    this.#running.set(id, entry);
    entry.work = this.#run(id, body, { wanted: new Set(events ?? eventNames), lifetime });
    return entry.work;
  }

  async #run(id: string, body: CompletionRequest, { wanted, lifetime }: Watch): Promise<void> {
    const { signal } = lifetime;
    const { connections, request } = this.#options;
    using _place = connections.hold(request.raw.socket);
    try {
      await this.#answer(id, body, { wanted, signal });
    } catch (error) {
      if (this.#running.get(id)?.lifetime === lifetime) this.#running.delete(id);
      this.#fail(id, error);
    }
    lifetime[Symbol.dispose]();
    this.#closeIfIdle();
  }

  async #answer(
    id: string,
    body: CompletionRequest,
    { wanted, signal }: { readonly wanted: ReadonlySet<EventName>; readonly signal: AbortSignal },
  ): Promise<void> {
    const { context, request } = this.#options;
    const caller = { client: context.identifyClient(request), signal };
    await context.countRequest(request);
    const prepared = await prepare(completionEndpoint, body, { context, head: answerHead(), caller });
    const plan = watched(prepared.plan, wanted);
    const watch = new WatchPresenter(id, plan, context.completer.tokenizer);
    const push = (event: WatchEvent): void => {
      if (wanted.has(event.type)) this.#outbox.push(id, event);
    };
    const shown = async function* (events: AsyncIterable<ChoiceEvent>): AsyncGenerator<ChoiceEvent> {
      push(watch.accepted());
      for await (const event of events) {
        for (const shape of watch.follow(event)) push(shape);
        yield event;
      }
    };
    await runAdmitted(plan, context, caller, async (events) => {
      const response = await prepared.presenter.whole(shownChoices(plan, shown(events)));
      // Over for the client, which may ask for the next under this id as soon as it reads the end.
      this.#running.delete(id);
      await this.#finish(id, response, signal);
    });
  }

  /** Sends an answer. A reader that has not taken it when the time is up is let go. */
  async #finish(id: string, response: LongJson<CompletionResponse>, signal: AbortSignal): Promise<void> {
    const letGo = (): void => {
      this.#socket.terminate();
    };
    signal.addEventListener("abort", letGo);
    const sent = this.#outbox.finish(id, longObject<EventOf<"done">>({ type: "done", id, response }));
    this.#ending.add(sent);
    try {
      await sent;
    } finally {
      this.#ending.delete(sent);
      signal.removeEventListener("abort", letGo);
    }
  }

  #fail(id: string | null, error: unknown): void {
    const description = describeError(error);
    logFailure(this.#options.request, error, "a watched request failed");
    this.#outbox.fail({ type: "error", id, error: toErrorResponse(description).error });
  }
}

/** The plan with its chains reporting what the client wants to see, and no more. */
function watched(plan: GenerationPlan, wanted: ReadonlySet<EventName>): GenerationPlan {
  const traces = traceNames.filter((name) => wanted.has(name));
  const shown = {
    trace: traces.length > 0,
    traces,
    progress: wanted.has("progress"),
    inOnePiece: !wanted.has("token"),
  };
  return { ...plan, requests: plan.requests.map((request) => ({ ...request, ...shown })) };
}

async function readMessage({ data, isBinary }: Mail): Promise<Record<string, unknown>> {
  if (isBinary) throw invalid("Messages must be text: JSON, not binary frames.");
  const json = await readJson(data, "message");
  if (typeof json === "object" && json !== null && !Array.isArray(json))
    return json as Record<string, unknown>;
  throw invalid('The message must be a JSON object, such as {"id": "1", "prompt": "9*4+3-4-2="}.');
}

function parseMessage(json: Record<string, unknown>): CompleteMessage | CancelMessage {
  const { type = "complete" } = json;
  if (type !== "complete" && type !== "cancel") {
    throw invalid(`type must be 'complete' or 'cancel', not ${clip(JSON.stringify(type))}.`, "type");
  }
  const { error, data } = type === "cancel" ? cancelMessage.safeParse(json) : completeMessage.safeParse(json);
  if (error === undefined) return data;
  const { code, message, param } = describeIssues(error.issues);
  throw new InferenceError(code, message, param === undefined ? {} : { param });
}

const invalid = (message: string, param?: string): InferenceError =>
  new InferenceError("invalid_request", message, param === undefined ? {} : { param });
