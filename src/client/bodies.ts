/** Bodies and events by the server's schemas; the package has them written out, without zod (scripts/client-types.ts). */
import type { z } from "zod";
import type { chatRequest, chatResponse } from "../server/schemas/chat.ts";
import type { chatChunk, completionChunk } from "../server/schemas/chunks.ts";
import type { completionRequest, completionResponse } from "../server/schemas/completions.ts";
import type { modelEntry } from "../server/schemas/models.ts";
import type { responseEvent } from "../server/schemas/responses/events.ts";
import type { responseRequest } from "../server/schemas/responses/request.ts";
import type { inputItemList, responseResponse } from "../server/schemas/responses/response.ts";
import type { watchEvent } from "../server/watch/messages.ts";

export type CompletionRequest = z.input<typeof completionRequest>;
export type ChatCompletionRequest = z.input<typeof chatRequest>;
export type ResponseRequest = z.input<typeof responseRequest>;

export type CompletionResponse = z.output<typeof completionResponse>;
export type CompletionChunk = z.output<typeof completionChunk>;
export type ChatResponse = z.output<typeof chatResponse>;
export type ChatChunk = z.output<typeof chatChunk>;
export type ResponseBody = z.output<typeof responseResponse>;
export type ResponseEvent = z.output<typeof responseEvent>;
export type InputItemList = z.output<typeof inputItemList>;
export type Model = z.output<typeof modelEntry>;
export type WatchEvent = z.output<typeof watchEvent>;
