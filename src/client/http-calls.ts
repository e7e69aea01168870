import { createParser } from "eventsource-parser";
import { ClientError } from "./client-error.ts";
import type { ErrorDetails } from "./client-error.ts";
import type { CallOptions } from "./types.ts";

interface Call extends CallOptions {
  readonly body?: object;
  /** GET without a body, POST with one, when left out. */
  readonly method?: string;
}

/** Requests to one server, whose answers are told from those of something else by the kind of object that they name. */
export class HttpCalls {
  readonly #baseUrl: string;
  readonly #apiKey: string | undefined;

  constructor(baseUrl: string, apiKey: string | undefined) {
    this.#baseUrl = baseUrl;
    this.#apiKey = apiKey;
  }

  /**
   * @param kind the `object` that the answer is
   * @throws ClientError
   */
  async whole<Answer>(path: string, kind: string, call: Call = {}): Promise<Answer> {
    const response = await this.#send(path, call);
    const json = await readJson(path, response, call.signal);
    if (isRecord(json) && json.object === kind) return json as Answer;
    throw unexpected(path, response);
  }

  /**
   * The data of each event, until one says [DONE] or `isLast`. Leaving the loop closes the connection, which cancels
   * the request.
   * @throws ClientError
   */
  async *events<Event extends object>(
    path: string,
    call: Call,
    isLast: (event: Event) => boolean = () => false,
  ): AsyncGenerator<Event, void, undefined> {
    const response = await this.#send(path, call);
    if (
      response.headers.get("content-type")?.startsWith("text/event-stream") !== true ||
      response.body === null
    ) {
      response.body?.cancel().catch(() => undefined);
      throw unexpected(path, response);
    }
    const received: string[] = [];
    const parser = createParser({ onEvent: ({ data }) => received.push(data) });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    try {
      for (;;) {
        const { done, value } = await read(reader, call.signal);
        if (done) throw new ClientError("connection_lost", `${path} ended before its answer did.`);
        parser.feed(value);
        for (const data of received.splice(0)) {
          if (data === "[DONE]") return;
          const event = parseEvent(path, data) as Event;
          yield event;
          if (isLast(event)) return;
        }
      }
    } finally {
      // What is under way is closed either way; how that went is nobody's concern any more.
      reader.cancel().catch(() => undefined);
    }
  }

  async #send(path: string, { body, method, signal }: Call): Promise<Response> {
    const headers = this.#headers();
    if (body !== undefined) headers.set("content-type", "application/json");
    const text = body === undefined ? undefined : JSON.stringify(body);
    let response: Response;
    try {
      response = await fetch(this.#baseUrl + path, {
        method: method ?? (body === undefined ? "GET" : "POST"),
        headers,
        ...(text === undefined ? {} : { body: text }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      throw cancellation(signal, cause) ?? impatience(path, cause) ?? unreachable(this.#baseUrl, cause);
    }
    if (response.ok) return response;
    throw errorIn(await readJson(path, response, signal), response) ?? unexpected(path, response);
  }

  #headers(): Headers {
    if (this.#apiKey === undefined) return new Headers();
    try {
      return new Headers({ authorization: `Bearer ${this.#apiKey}` });
    } catch (cause) {
      const message =
        "The API key has a character that no HTTP header carries, so it is none of the server's.";
      throw new ClientError("invalid_api_key", message, { cause });
    }
  }
}

async function readJson(path: string, response: Response, signal: AbortSignal | undefined): Promise<unknown> {
  let text: string;
  try {
    text = await response.text();
  } catch (cause) {
    throw lost(signal, cause);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unexpected(path, response, cause);
  }
}

async function read(
  reader: ReadableStreamDefaultReader<string>,
  signal: AbortSignal | undefined,
): ReturnType<ReadableStreamDefaultReader<string>["read"]> {
  try {
    return await reader.read();
  } catch (cause) {
    throw lost(signal, cause);
  }
}

/** @throws ClientError for one that says why no more will come */
function parseEvent(path: string, data: string): object {
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch (cause) {
    throw new ClientError("protocol", `${path} sent an event that is no JSON.`, { cause });
  }
  if (!isRecord(json)) throw new ClientError("protocol", `${path} sent an event that is no object.`);
  const failure = errorIn(json.type === "error" ? { error: json } : json);
  if (failure !== undefined) throw failure;
  return json;
}

/** What an error's body says, if it is one. @param response that it is the body of; an event has none */
function errorIn(json: unknown, response?: Response): ClientError | undefined {
  const error = isRecord(json) ? json.error : undefined;
  if (!isRecord(error) || typeof error.message !== "string") return undefined;
  const { code, message, param } = error;
  return new ClientError(typeof code === "string" ? code : "internal", message, {
    param: typeof param === "string" ? param : null,
    ...(response === undefined ? {} : saidBy(response)),
  });
}

/** What the head of an answer says to who wants to ask again. */
function saidBy({ status, headers }: Response): Pick<ErrorDetails, "status" | "retryAfterMs"> {
  // Proxies may name a date, which is not worth the code: it is waited for as if nothing was said.
  const seconds = Number(headers.get("retry-after") ?? NaN);
  return { status, retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

const unexpected = (path: string, response: Response, cause?: unknown): ClientError => {
  const type = response.headers.get("content-type") ?? "no content-type";
  const message = `${path} answered ${response.status} with what is none of Metropolis' answers (${type}). Is it a proxy's, or another server's?`;
  return new ClientError("protocol", message, { ...saidBy(response), cause });
};

const unreachable = (baseUrl: string, cause: unknown): ClientError =>
  new ClientError("unreachable", `No answer from ${baseUrl}. Is the server running?`, { cause });

/** Node's fetch gives up on an answer that takes more than five minutes to begin; the server is there all the same. */
function impatience(path: string, error: unknown): ClientError | undefined {
  const reason = error instanceof Error ? error.cause : undefined;
  if (!isRecord(reason) || reason.code !== "UND_ERR_HEADERS_TIMEOUT") return undefined;
  const message = `${path} took longer to begin its answer than this platform's fetch waits (five minutes in Node). Stream or watch it instead, or ask for it in the background.`;
  return new ClientError("connection_lost", message, { cause: error });
}

const cancellation = (signal: AbortSignal | undefined, cause: unknown): ClientError | undefined =>
  signal?.aborted === true ? new ClientError("aborted", "The request was cancelled.", { cause }) : undefined;

const lost = (signal: AbortSignal | undefined, cause: unknown): ClientError =>
  cancellation(signal, cause) ??
  new ClientError("connection_lost", "The connection to the server was lost.", { cause });
