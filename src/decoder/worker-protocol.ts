import type { MessagePort } from "node:worker_threads";
import type { ErrorDescription } from "../core/errors.ts";
import type { TokenIds } from "../core/tokens.ts";
import type { LoadProgress } from "../core/load-progress.ts";
import type {
  CompleterHealth,
  CompletionEvent,
  ConstraintCheck,
  GenerateRequest,
  ModelInfo,
  ScoreOptions,
} from "./completer.ts";
import type { PackedRecords } from "./packed-tokens.ts";

/** Events of a call that may be on their way at once: a chain outruns a reader that shows it, and then waits for it. */
export const mostUnreadEvents = 64;

/** Batches of replies that may be before the server's thread at once: one that it works on, and the next. */
export const mostBatchesUnread = 2;

/**
 * From the server's thread to the worker, in lists: the calls of a `Completer`, each with an `id`, and what becomes of
 * them. Of a model's logits no more crosses than the scores of tokens, with as many of the likeliest as were asked for.
 */
export type ToWorker =
  | { readonly type: "complete"; readonly id: number; readonly request: GenerateRequest }
  | { readonly type: "check_constraint"; readonly id: number; readonly check: ConstraintCheck }
  | {
      readonly type: "score";
      readonly id: number;
      readonly tokens: TokenIds;
      readonly options: ScoreOptions;
    }
  | { readonly type: "health"; readonly id: number }
  /** So many of a call's events were read: as many more may come. */
  | { readonly type: "read"; readonly id: number; readonly count: number }
  /** A batch of replies was worked on: another may come. */
  | { readonly type: "taken" }
  | { readonly type: "abort"; readonly id: number }
  /** A port of another thread's, which sends numbers and is answered each with the engine's health under it. */
  | { readonly type: "line"; readonly port: MessagePort }
  /** See `Completer`. */
  | { readonly type: "end_early" }
  | { readonly type: "stop" };

/** What a worker says first: how far it has come as often as it likes, and how that ended. */
export type WorkerStart =
  | { readonly type: "loading"; readonly progress: LoadProgress }
  | { readonly type: "ready"; readonly model: ModelInfo; readonly notes: readonly string[] }
  | { readonly type: "unusable"; readonly error: ErrorDescription };

/** From the worker to the server's thread: a list of them is a batch; health comes by itself, and at once. */
export type WorkerReply =
  | { readonly type: "event"; readonly id: number; readonly event: CompletionEvent }
  /** An event of text whose tokens are many, or come with others. */
  | { readonly type: "text"; readonly id: number; readonly text: string; readonly tokens: PackedRecords }
  | { readonly type: "scores"; readonly id: number; readonly scores: PackedRecords }
  | { readonly type: "health"; readonly id: number; readonly health: CompleterHealth }
  /** The call is over. */
  | { readonly type: "end"; readonly id: number }
  | { readonly type: "error"; readonly id: number; readonly error: ErrorDescription };
