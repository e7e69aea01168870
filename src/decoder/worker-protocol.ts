import type { ErrorDescription } from "../core/errors.ts";
import type { ScoredToken, TokenIds } from "../core/tokens.ts";
import type { EngineHealth, Share } from "../engine/engine.ts";
import type { CompletionEvent, GenerateRequest, ModelInfo } from "./completer.ts";

/** Events of a call that may be on their way at once: a chain outruns whoever shows it. */
export const mostUnreadEvents = 512;

/** From the server's thread to the worker. Calls carry an `id`; logits never cross. */
export type ToWorker =
  | { readonly type: "generate"; readonly id: number; readonly request: GenerateRequest }
  | {
      readonly type: "score";
      readonly id: number;
      readonly tokens: TokenIds;
      readonly topCount: number;
      readonly share?: Share | undefined;
    }
  | { readonly type: "health"; readonly id: number }
  /** So many of a call's events were read: as many more may come. */
  | { readonly type: "read"; readonly id: number; readonly count: number }
  | { readonly type: "abort"; readonly id: number }
  | { readonly type: "stop" };

/** What a worker says first, and once. */
export type WorkerStart =
  | { readonly type: "ready"; readonly model: ModelInfo; readonly notes: readonly string[] }
  | { readonly type: "unusable"; readonly error: ErrorDescription };

/** From the worker to the server's thread; several at a time. */
export type WorkerReply =
  | { readonly type: "event"; readonly id: number; readonly event: CompletionEvent }
  | { readonly type: "scores"; readonly id: number; readonly scores: readonly ScoredToken[] }
  | { readonly type: "health"; readonly id: number; readonly health: EngineHealth }
  /** The call is over. */
  | { readonly type: "end"; readonly id: number }
  | { readonly type: "error"; readonly id: number; readonly error: ErrorDescription };
