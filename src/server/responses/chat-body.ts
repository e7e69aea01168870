import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import { dropNulls } from "../given.ts";
import type { Given } from "../given.ts";
import { invalid } from "../invalid.ts";
import type { ChatRequest } from "../schemas/chat.ts";
import type { textFormat } from "../schemas/structured.ts";
import type { RequestMessage } from "../schemas/messages.ts";
import { logprobsIncluded, sharedFields } from "../schemas/responses/request.ts";
import type { InputTokensRequest, ResponseRequest } from "../schemas/responses/request.ts";
import { toMessages } from "./conversation.ts";
import type { ConversationItem } from "./conversation.ts";

const shared = z.object(sharedFields);

/**
 * The chat that a request asks for: from there on the two are planned, drawn and counted alike.
 * @param items the whole conversation, the new input last
 * @throws InferenceError naming the field at fault
 */
export function toChatBody(body: Given<ResponseRequest>, items: readonly ConversationItem[]): ChatRequest {
  const includesLogprobs = body.include?.includes(logprobsIncluded) ?? false;
  if (!includesLogprobs && (body.top_logprobs ?? 0) > 0) {
    throw invalid(
      "top_logprobs",
      `top_logprobs is only allowed together with include: ["${logprobsIncluded}"].`,
    );
  }
  return {
    ...shared.parse(body),
    ...toPrompt(body, items),
    max_completion_tokens: body.max_output_tokens,
    response_format: toResponseFormat(body.text?.format),
    ...(includesLogprobs ? { logprobs: true, top_logprobs: body.top_logprobs } : {}),
    ...(body.stream_options === undefined
      ? {}
      : { stream_options: { include_progress: body.stream_options.include_progress } }),
  };
}

const toResponseFormat = (
  format: z.output<typeof textFormat> | null | undefined,
): ChatRequest["response_format"] => {
  if (format?.type !== "json_schema") return format;
  const { type, ...schema } = format;
  return { type, json_schema: schema };
};

/** What of a chat makes its prompt. @throws InferenceError where there is none */
export function toPrompt(
  body: Given<Pick<ResponseRequest, keyof InputTokensRequest & keyof ResponseRequest>>,
  items: readonly ConversationItem[],
): ChatRequest {
  const { instructions, reasoning, text, tool_choice: choice } = body;
  const messages: RequestMessage[] = toMessages(items);
  if (instructions !== undefined) messages.unshift({ role: "system", content: instructions });
  if (messages.length === 0)
    throw invalid("input", "input is missing: send a text, or a list of items that is not empty.");
  return {
    messages,
    tools: body.tools?.map(({ type, ...given }) => ({ type, function: dropNulls(given) })),
    tool_choice: typeof choice === "object" ? { type: choice.type, function: { name: choice.name } } : choice,
    parallel_tool_calls: body.parallel_tool_calls,
    chat_template_kwargs: body.chat_template_kwargs,
    documents: body.documents,
    add_special_tokens: body.add_special_tokens,
    reasoning_effort: reasoning === undefined ? undefined : dropNulls(reasoning),
    verbosity: text?.verbosity ?? undefined,
  };
}

/** What chats call fields, and what they are called here. */
const names: readonly (readonly [RegExp, string])[] = [
  [/^messages\b.*/, "input"],
  [/^max_tokens$/, "max_output_tokens"],
  [/^reasoning_effort$/, "reasoning"],
  [/^verbosity$/, "text.verbosity"],
  [/^response_format(\.json_schema)?/, "text.format"],
];

/** A field of a chat, by the name that it has in a response's request. */
export const responseName = (name: string): string => {
  const [pattern, own] = names.find(([chats]) => chats.test(name)) ?? [];
  return pattern === undefined ? name : name.replace(pattern, own!);
};

/** An error by the names that its request has. */
export function byResponseNames(error: unknown): unknown {
  if (!(error instanceof InferenceError) || error.param === undefined) return error;
  const param = responseName(error.param);
  if (param === error.param) return error;
  const message = error.message.startsWith(error.param)
    ? param + error.message.slice(error.param.length)
    : error.message;
  return new InferenceError(error.code, message, { param, cause: error });
}
