import type { ChatCompletionRequest, CompletionRequest, ResponseRequest, WatchEvent } from "./bodies.ts";

/** A body whose answer comes as events. */
export type Streamed<Request> = Omit<Request, "stream">;
/** A body whose answer comes whole. */
type Whole<Request> = Omit<Request, "stream" | "stream_options">;

/** The body of POST /v1/completions. */
export type CompleteRequest = Whole<CompletionRequest>;
/** The body of POST /v1/chat/completions. */
export type ChatRequest = Whole<ChatCompletionRequest>;
/** The body of POST /v1/responses. */
export type RespondRequest = Whole<ResponseRequest>;

export type EventName = WatchEvent["type"];
export type EventOf<Name extends EventName> = Extract<WatchEvent, { type: Name }>;
export type WatchedToken = EventOf<"revision">["tokens"][number];

export interface ClientOptions {
  /** Where the server is, with or without /v1; http://127.0.0.1:8000 when left out. */
  readonly baseUrl?: string | undefined;
  readonly apiKey?: string | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface WatchOptions extends CallOptions {
  /** Events wanted; all when left out. `done` always comes. */
  readonly events?: readonly EventName[] | undefined;
}

export interface PageOptions extends CallOptions {
  readonly limit?: number | undefined;
  readonly order?: "asc" | "desc" | undefined;
  /** The id of the item before the page. */
  readonly after?: string | undefined;
}
