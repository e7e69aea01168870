import { createParser } from "eventsource-parser";
import type { Readable } from "node:stream";
import { Pool } from "undici";
import type { Dispatcher } from "undici";
import { cancelled } from "../../core/errors.ts";
import { version } from "../../core/version.ts";
import { messageIn, parseJson, throwIfError } from "./answers.ts";
import { RemoteError, connectionFault, garbage, refusal } from "./remote-error.ts";

export interface ConnectionSettings {
  /** Where the server's paths begin; a `/v1` at its end is left out. */
  readonly url: string;
  /** Sent as Bearer. Never logged nor told. */
  readonly key?: string | undefined;
  /** The header that names the prompt of a call, so that routers send those of one prompt to one replica. */
  readonly sessionHeader: string;
  /** Connections at once. */
  readonly mostSockets: number;
  /** How long the server may be silent in a call, ms: its queue and a whole prompt are within it. */
  readonly silenceMs?: number | undefined;
  /** How long it may be silent within a stream that has begun, ms: a server that is being ended leaves streams open. */
  readonly pauseMs?: number | undefined;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** Names the prompt. */
  readonly session?: string | undefined;
}

const usualSilenceMs = 600_000;
const usualPauseMs = 30_000;
/** Of what is told of an error, characters. */
const mostTold = 500;
const mostErrorBytes = 65_536;
/** Of an answer, or of one event of a stream: far more than thousands of tokens with thousands of the likeliest each. */
const mostAnswerBytes = 2 ** 28;

/**
 * HTTP to one server, over connections that are used again. A call whose signal is aborted has its connection closed,
 * which is how every server hears that nobody waits for it.
 */
export class Connection implements AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string;
  readonly #settings: ConnectionSettings;
  /** Not an Agent: that one drops an origin, and the connections that come after, when one is hung up on. */
  readonly #pool: Pool;
  /** Open sockets, and when there was one last. */
  #sockets = 0;
  #lostAt = performance.now();
  /** Whether the server has closed a connection since it was asked. */
  #wasClosed = false;

  constructor(settings: ConnectionSettings) {
    this.url = rootOf(settings.url);
    this.#settings = settings;
    const { mostSockets, silenceMs = usualSilenceMs } = settings;
    this.#pool = new Pool(new URL(this.url).origin, {
      connections: mostSockets,
      headersTimeout: silenceMs,
      bodyTimeout: silenceMs,
      keepAliveTimeout: 60_000,
    });
    this.#pool.on("connect", () => {
      this.#sockets++;
    });
    this.#pool.on("disconnect", (_origin, _targets, error) => {
      this.#sockets--;
      this.#lostAt = performance.now();
      if (!isEndedHere(error)) this.#wasClosed = true;
    });
  }

  /**
   * Whether another server may stand there since this was last asked: it closed a connection, or none was open for so
   * long that it may have been replaced unseen.
   */
  takeSuspicion(unseenMs: number): boolean {
    const isUnseen = this.#sockets === 0 && performance.now() - this.#lostAt > unseenMs;
    const isSuspect = this.#wasClosed || isUnseen;
    this.#wasClosed = false;
    return isSuspect;
  }

  /** @throws RemoteError; InferenceError `aborted` once the signal is */
  get(path: string, options: CallOptions): Promise<unknown> {
    return this.#json(path, undefined, options);
  }

  /** The text of an answer. @throws as `get` */
  async text(path: string, options: CallOptions): Promise<string> {
    const reply = await this.#open(path, undefined, options);
    return readText(reply.body).catch((error: unknown) => {
      throw this.#explain(error, options.signal);
    });
  }

  /** @throws as `get` */
  post(path: string, body: object, options: CallOptions): Promise<unknown> {
    return this.#json(path, body, options);
  }

  /**
   * The JSON of each server-sent event, up to `[DONE]` or the answer's end.
   * @throws as `get`, where it breaks off or an event tells of an error too
   */
  async *stream(path: string, body: object, options: CallOptions): AsyncGenerator<unknown, void, undefined> {
    const { body: reply, headers } = await this.#open(path, body, options);
    const kind = headers["content-type"];
    if (typeof kind !== "string" || !/^text\/event-stream\b/i.test(kind)) {
      discard(reply);
      throw garbage("it is no stream of events");
    }
    const events: string[] = [];
    const parser = createParser({
      onEvent: ({ data }) => events.push(data),
      onError: ({ type }) => {
        if (type === "max-buffer-size-exceeded") reply.destroy(garbage("an event of it has no end"));
      },
      maxBufferSize: mostAnswerBytes,
    });
    const text = new TextDecoder();
    const { pauseMs = usualPauseMs } = this.#settings;
    const giveUp = () => reply.destroy(new Error(`it was silent for ${pauseMs / 1000} s`));
    let hasBegun = false;
    // Runs while the server is waited for alone: how long the reader takes is not the server's silence.
    let pause: NodeJS.Timeout | undefined;
    try {
      for await (const bytes of reply as AsyncIterable<Uint8Array>) {
        clearTimeout(pause);
        parser.feed(text.decode(bytes, { stream: true }));
        hasBegun ||= events.length > 0;
        for (const data of events.splice(0)) {
          if (data === "[DONE]") return;
          const said = this.#read(data);
          throwIfError(said, (message) => this.#told(message));
          yield said;
        }
        if (hasBegun) pause = setTimeout(giveUp, pauseMs);
      }
    } catch (error) {
      throw this.#explain(error, options.signal);
    } finally {
      clearTimeout(pause);
      // Also where the reader has left: what comes on is nobody's.
      reply.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }

  async #json(path: string, body: object | undefined, options: CallOptions): Promise<unknown> {
    const reply = await this.#open(path, body, options);
    const text = await readText(reply.body).catch((error: unknown) => {
      throw this.#explain(error, options.signal);
    });
    return this.#read(text);
  }

  /** @throws RemoteError for what is no JSON */
  readonly #read = (text: string): unknown => parseJson(text, (said) => this.#told(said));

  async #open(
    path: string,
    body: object | undefined,
    { signal, session }: CallOptions,
  ): Promise<Dispatcher.ResponseData> {
    if (signal.aborted) throw cancelled();
    const { key, sessionHeader } = this.#settings;
    const { pathname } = new URL(this.url);
    const reply = await this.#pool
      .request({
        path: (pathname === "/" ? "" : pathname) + path,
        method: body === undefined ? "GET" : "POST",
        headers: {
          "user-agent": `metropolis/${version}`,
          // Nothing is unpacked, and tokens are to come one by one.
          "accept-encoding": "identity",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(session === undefined ? {} : { [sessionHeader]: session }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal,
      })
      .catch((error: unknown) => {
        throw this.#explain(error, signal);
      });
    const { "content-encoding": encoding = "identity" } = reply.headers;
    const isPlain = encoding === "identity";
    if (reply.statusCode >= 200 && reply.statusCode < 300) {
      if (isPlain) return reply;
      discard(reply.body);
      throw garbage(`it is packed (${String(encoding)}) though that was not asked for`);
    }
    const said = await readText(reply.body, mostErrorBytes).catch((error: unknown) => {
      throw this.#explain(error, signal);
    });
    throw refusal(reply.statusCode, isPlain ? this.#told(saidIn(said)) : "", retryAfter(reply.headers));
  }

  #explain(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return cancelled();
    if (error instanceof RemoteError) return error;
    return connectionFault(error, this.url);
  }

  /** What a server said, as it may be told: servers repeat a key that they refuse. */
  #told(said: string): string {
    const { key } = this.#settings;
    const keyless = key === undefined || key === "" ? said : said.replaceAll(key, "…");
    return keyless.slice(0, mostTold);
  }
}

/** Whether a connection was closed by this side: of a call that was aborted, or one that was idle for long. */
const isEndedHere = ({ code, message }: { readonly code: string; readonly message: string }): boolean =>
  code === "UND_ERR_ABORTED" ||
  code === "UND_ERR_DESTROYED" ||
  (code === "UND_ERR_INFO" && /idle timeout|aborted/.test(message));

/** @throws RemoteError for what cannot be called */
function rootOf(given: string): string {
  const refuse = (why: string): RemoteError =>
    new RemoteError(`--engine-url ${why}; give the server's root, as http://127.0.0.1:8000.`, {
      retryable: false,
    });
  if (!URL.canParse(given)) throw refuse("is no URL");
  const { protocol, username, password, search, hash, origin, pathname } = new URL(given);
  if (protocol !== "http:" && protocol !== "https:") throw refuse("is neither http:// nor https://");
  if (username !== "" || password !== "") throw refuse("has a name or a password in it: use --engine-key");
  if (search !== "" || hash !== "") throw refuse("has a query");
  return origin + pathname.replace(/\/+$/, "").replace(/\/v1$/, "");
}

/** Leaves an answer unread, and with it its connection. */
function discard(body: Readable): void {
  // Of one that nobody reads, an error that nobody hears of would end the process.
  body.on("error", () => undefined);
  body.destroy();
}

async function readText(body: Readable, mostBytes = mostAnswerBytes): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    parts.push(part);
    bytes += part.length;
    if (bytes > mostBytes) break;
  }
  return Buffer.concat(parts).toString("utf8");
}

/** The message in an error's body: OpenAI's form, FastAPI's, or the text itself. */
function saidIn(body: string): string {
  try {
    const said: unknown = JSON.parse(body);
    return messageIn(said) ?? body;
  } catch {
    return body;
  }
}

/** Seconds, or a date. */
function retryAfter({ "retry-after": given }: Dispatcher.ResponseData["headers"]): number | undefined {
  if (typeof given !== "string") return undefined;
  const ms = /^\d+$/.test(given) ? 1000 * Number(given) : Date.parse(given) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
