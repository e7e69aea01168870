/** The typed client, for Node and browsers: `import { MetropolisClient } from "metropolis/client"`. */
import type { z } from "zod";
import { serverRoot } from "../core/server-root.ts";
import { chatResponse } from "../server/schemas/chat.ts";
import type { ChatResponse, chatRequest } from "../server/schemas/chat.ts";
import { completionResponse } from "../server/schemas/completions.ts";
import type { CompletionResponse, completionRequest } from "../server/schemas/completions.ts";
import { findReport } from "../samplers/registry.ts";
import { chainReportOf, remarksOn } from "../samplers/remarks.ts";
import { isRunReport } from "../samplers/report.ts";
import { errorResponse } from "../server/schemas/errors.ts";
import { deletedResponse, inputItemList, responseResponse } from "../server/schemas/responses/response.ts";
import type { InputItemList, ResponseBody } from "../server/schemas/responses/response.ts";
import type { responseRequest } from "../server/schemas/responses/request.ts";
import { modelList } from "../server/schemas/models.ts";
import type { EventName, EventOf, WatchEvent, WatchedToken } from "../server/watch/messages.ts";
import { noText, revise } from "../server/watch/revision.ts";
import type { RevisedText } from "../server/watch/revision.ts";
import { constraintChoices } from "./constraint-form.ts";
import type { ConstraintChoice } from "./constraint-form.ts";
import { fieldControls, samplerChoices } from "./sampler-form.ts";
import type { FieldControl, SamplerChoice } from "./sampler-form.ts";
import { usualValues } from "./usual-values.ts";
import type { ModelDefaults } from "./usual-values.ts";
import { ClientError } from "./client-error.ts";
import { WatchSocket } from "./watch-socket.ts";

type Whole<Request> = Omit<Request, "stream" | "stream_options">;
/** The body of POST /v1/completions. */
export type CompleteRequest = Whole<z.input<typeof completionRequest>>;
/** The body of POST /v1/chat/completions. */
export type ChatRequest = Whole<z.input<typeof chatRequest>>;
/** The body of POST /v1/responses. */
export type RespondRequest = Whole<z.input<typeof responseRequest>>;
export type Model = z.output<typeof modelList>["data"][number];

export interface ClientOptions {
  /** Where the server is, with or without /v1; http://127.0.0.1:8000 when left out. */
  readonly baseUrl?: string;
  readonly apiKey?: string | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface WatchOptions extends CallOptions {
  /** Events wanted; all when left out. `done` always comes. */
  readonly events?: readonly EventName[];
}

export class MetropolisClient {
  readonly #baseUrl: string;
  readonly #apiKey: string | undefined;
  readonly #socket: WatchSocket;

  constructor({ baseUrl = "http://127.0.0.1:8000", apiKey }: ClientOptions = {}) {
    this.#baseUrl = serverRoot(baseUrl);
    this.#apiKey = apiKey === "" ? undefined : apiKey;
    this.#socket = new WatchSocket(this.#baseUrl, this.#apiKey, () => this.#explainClosedSocket());
  }

  /** @throws ClientError */
  complete(body: CompleteRequest, options: CallOptions = {}): Promise<CompletionResponse> {
    return this.#fetch("/v1/completions", { ...options, body, schema: completionResponse });
  }

  /** @throws ClientError */
  chat(body: ChatRequest, options: CallOptions = {}): Promise<ChatResponse> {
    return this.#fetch("/v1/chat/completions", { ...options, body, schema: chatResponse });
  }

  /** A response, kept unless `store: false`; with `background`, one that is under way. @throws ClientError */
  respond(body: RespondRequest, options: CallOptions = {}): Promise<ResponseBody> {
    return this.#fetch("/v1/responses", { ...options, body, schema: responseResponse });
  }

  /** A response that is kept, as far as it has come. @throws ClientError `response_not_found` */
  response(id: string, options: CallOptions = {}): Promise<ResponseBody> {
    return this.#fetch(responsePath(id), { ...options, schema: responseResponse });
  }

  /** @throws ClientError `response_not_found` */
  async deleteResponse(id: string, options: CallOptions = {}): Promise<void> {
    await this.#fetch(responsePath(id), { ...options, method: "DELETE", schema: deletedResponse });
  }

  /** Ends a response that runs in the background. @throws ClientError `response_not_found` */
  cancelResponse(id: string, options: CallOptions = {}): Promise<ResponseBody> {
    const schema = responseResponse;
    return this.#fetch(`${responsePath(id)}/cancel`, { ...options, method: "POST", schema });
  }

  /** What a response was told: a page of it, the newest first unless `order` says otherwise. @throws ClientError */
  responseInput(
    id: string,
    { signal, ...page }: CallOptions & { limit?: number; order?: "asc" | "desc"; after?: string } = {},
  ): Promise<InputItemList> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(page)) query.set(name, String(value));
    const path = `${responsePath(id)}/input_items?${query.toString()}`;
    return this.#fetch(path, { ...(signal === undefined ? {} : { signal }), schema: inputItemList });
  }

  /** The model, and its name with each sampler's suffix. @throws ClientError */
  async models(options: CallOptions = {}): Promise<Model[]> {
    return (await this.#fetch("/v1/models", { ...options, schema: modelList })).data;
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

  async #fetch<Schema extends z.ZodType>(
    path: string,
    {
      body,
      method = body === undefined ? "GET" : "POST",
      schema,
      signal,
    }: { body?: object; method?: string; schema: Schema; signal?: AbortSignal },
  ): Promise<z.output<Schema>> {
    const headers = {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(this.#apiKey === undefined ? {} : { authorization: `Bearer ${this.#apiKey}` }),
    };
    let status: number;
    let json: unknown;
    try {
      const response = await fetch(this.#baseUrl + path, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
      status = response.status;
      json = await response.json();
    } catch (cause) {
      if (signal?.aborted === true) throw new ClientError("aborted", "The request was cancelled.", { cause });
      throw new ClientError("unreachable", `No answer from ${this.#baseUrl}. Is the server running?`, {
        cause,
      });
    }
    const failure = errorResponse.safeParse(json);
    if (failure.success) {
      const { code, message, param } = failure.data.error;
      throw new ClientError(code ?? "internal", message, { param });
    }
    const answer = schema.safeParse(json);
    if (answer.success) return json as z.output<Schema>;
    throw new ClientError("protocol", `${path} answered ${status} with what was not expected.`, {
      cause: answer.error,
    });
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

const responsePath = (id: string): string => `/v1/responses/${encodeURIComponent(id)}`;

export {
  chainReportOf,
  ClientError,
  constraintChoices,
  fieldControls,
  findReport,
  isRunReport,
  noText,
  remarksOn,
  revise,
  samplerChoices,
  usualValues,
};
export type {
  ChatResponse,
  CompletionResponse,
  ConstraintChoice,
  InputItemList,
  ResponseBody,
  EventName,
  FieldControl,
  ModelDefaults,
  SamplerChoice,
  EventOf,
  RevisedText,
  WatchEvent,
  WatchedToken,
};
