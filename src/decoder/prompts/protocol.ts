import type { ErrorDescription } from "../../core/errors.ts";
import type { ToolFormat } from "../../tools/tool-format.ts";
import type { Prompt } from "./prompt-encoder.ts";

/** To a process that encodes; each is answered before the next is sent. */
export type ToProcess =
  /** The first: what to read, in the entry's own terms. */
  | { readonly type: "open"; readonly source: unknown }
  | { readonly type: "encode"; readonly prompts: readonly Prompt[]; readonly param: string }
  | { readonly type: "findToolFormat" };

export type ProcessReply =
  | { readonly type: "ready" }
  /** The tokens of each prompt. */
  | { readonly type: "tokens"; readonly lists: readonly Uint32Array[] }
  | { readonly type: "toolFormat"; readonly format: ToolFormat | undefined }
  | { readonly type: "error"; readonly error: ErrorDescription };
