/** The typed client, for Node and browsers, as the package metropolis-client has it: without zod, and with no server behind it. */
import { serverRoot } from "../core/server-root.ts";
import { noText, revise } from "../server/watch/revision.ts";
import type { RevisedText } from "../server/watch/revision.ts";
import type {
  ChatChunk,
  ChatCompletionRequest,
  ChatResponse,
  CompletionChunk,
  CompletionRequest,
  CompletionResponse,
  InputItemList,
  Model,
  ResponseBody,
  ResponseEvent,
  ResponseRequest,
  WatchEvent,
} from "./bodies.ts";
import { ClientError } from "./client-error.ts";
import { HttpCalls } from "./http-calls.ts";
import type {
  CallOptions,
  ChatRequest,
  ClientOptions,
  CompleteRequest,
  EventName,
  EventOf,
  PageOptions,
  RespondRequest,
  Streamed,
  WatchedToken,
  WatchOptions,
} from "./types.ts";
import { WatchSocket } from "./watch-socket.ts";

export class MetropolisClient {
  readonly #baseUrl: string;
  readonly #calls: HttpCalls;
  readonly #socket: WatchSocket;

  /** @throws TypeError for a baseUrl that is no address of HTTP */
  constructor({ baseUrl = "http://127.0.0.1:8000", apiKey }: ClientOptions = {}) {
    if (!/^https?:\/\//i.test(baseUrl) || !URL.canParse(baseUrl))
      throw new TypeError(`baseUrl is ${JSON.stringify(baseUrl)}: give it whole, as http://127.0.0.1:8000.`);
    this.#baseUrl = serverRoot(baseUrl);
    const key = apiKey === "" ? undefined : apiKey;
    this.#calls = new HttpCalls(this.#baseUrl, key);
    this.#socket = new WatchSocket(this.#baseUrl, key, () => this.#explainClosedSocket());
  }

  /** @throws ClientError */
  complete(body: CompleteRequest, options: CallOptions = {}): Promise<CompletionResponse> {
    return this.#calls.whole("/v1/completions", "text_completion", { ...options, body });
  }

  /** @throws ClientError */
  chat(body: ChatRequest, options: CallOptions = {}): Promise<ChatResponse> {
    return this.#calls.whole("/v1/chat/completions", "chat.completion", { ...options, body });
  }

  /** A response, kept unless `store: false`; with `background`, one that is under way. @throws ClientError */
  respond(body: RespondRequest, options: CallOptions = {}): Promise<ResponseBody> {
    return this.#calls.whole(responses, "response", { ...options, body });
  }

  /**
   * Completes, and gives each piece as it becomes final. Leaving the loop cancels the request. What `power` says comes
   * late, since it rewrites its answer until its last step: `watch` shows that.
   * @throws ClientError
   */
  stream(
    body: Streamed<CompletionRequest>,
    options: CallOptions = {},
  ): AsyncGenerator<CompletionChunk, void, undefined> {
    return this.#calls.events("/v1/completions", { ...options, body: { ...body, stream: true } });
  }

  /** As `stream`, of a chat. @throws ClientError */
  streamChat(
    body: Streamed<ChatCompletionRequest>,
    options: CallOptions = {},
  ): AsyncGenerator<ChatChunk, void, undefined> {
    return this.#calls.events("/v1/chat/completions", { ...options, body: { ...body, stream: true } });
  }

  /** As `stream`, of a response, whose last event has it whole. @throws ClientError */
  streamResponse(
    body: Streamed<ResponseRequest>,
    options: CallOptions = {},
  ): AsyncGenerator<ResponseEvent, void, undefined> {
    return this.#calls.events(responses, { ...options, body: { ...body, stream: true } }, isLast);
  }

  /** A response that is kept, as far as it has come. @throws ClientError `response_not_found` */
  response(id: string, options: CallOptions = {}): Promise<ResponseBody> {
    return this.#calls.whole(responsePath(id), "response", options);
  }

  /** @throws ClientError `response_not_found` */
  async deleteResponse(id: string, options: CallOptions = {}): Promise<void> {
    await this.#calls.whole(responsePath(id), "response", { ...options, method: "DELETE" });
  }

  /** Ends a response that runs in the background. @throws ClientError `response_not_found` */
  cancelResponse(id: string, options: CallOptions = {}): Promise<ResponseBody> {
    return this.#calls.whole(`${responsePath(id)}/cancel`, "response", { ...options, method: "POST" });
  }

  /** What a response was told: a page of it, the newest first unless `order` says otherwise. @throws ClientError */
  responseInput(id: string, { signal, ...page }: PageOptions = {}): Promise<InputItemList> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(page)) if (value !== undefined) query.set(name, String(value));
    return this.#calls.whole(`${responsePath(id)}/input_items?${query.toString()}`, "list", { signal });
  }

  /** The model, and its name with each sampler's suffix. @throws ClientError */
  async models(options: CallOptions = {}): Promise<Model[]> {
    return (await this.#calls.whole<{ data: Model[] }>("/v1/models", "list", options)).data;
  }

  /**
   * Completes, and tells how the answer comes to be. The last event is `done`, with what `complete` would have
   * returned. Leaving the loop cancels the request. One socket carries all that is watched at once.
   * @throws ClientError
   */
  watch(
    body: CompleteRequest,
    { events, signal }: WatchOptions = {},
  ): AsyncGenerator<WatchEvent, void, undefined> {
    return this.#socket.watch({ ...body, ...(events === undefined ? {} : { events }) }, signal);
  }

  /** Browsers do not say why a socket would not open; a plain request does. */
  async #explainClosedSocket(): Promise<ClientError> {
    try {
      await this.models();
    } catch (error) {
      if (error instanceof ClientError) return error;
    }
    return new ClientError(
      "unreachable",
      `${this.#baseUrl} answers, but opened no WebSocket. Does a proxy in between let them through?`,
    );
  }
}

const responses = "/v1/responses";
const responsePath = (id: string): string => `${responses}/${encodeURIComponent(id)}`;

/** A response's events end with one of these, not with [DONE]. */
const isLast = ({ type }: ResponseEvent): boolean =>
  type === "response.completed" || type === "response.incomplete" || type === "response.failed";

export { ClientError, noText, revise };
export type {
  CallOptions,
  ChatChunk,
  ChatCompletionRequest,
  ChatRequest,
  ChatResponse,
  ClientOptions,
  CompleteRequest,
  CompletionChunk,
  CompletionRequest,
  CompletionResponse,
  EventName,
  EventOf,
  InputItemList,
  Model,
  PageOptions,
  RespondRequest,
  ResponseBody,
  ResponseEvent,
  ResponseRequest,
  RevisedText,
  Streamed,
  WatchedToken,
  WatchEvent,
  WatchOptions,
};
