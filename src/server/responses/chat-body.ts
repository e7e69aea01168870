import { z } from "zod";
import { dropNulls } from "../given.ts";
import type { Given } from "../given.ts";
import { responseNames } from "./response-names.ts";
import { invalid } from "../invalid.ts";
import type { ChatRequest } from "../schemas/chat.ts";
import type { textFormat } from "../schemas/structured.ts";
import type { RequestMessage } from "../schemas/messages.ts";
import { logprobsIncluded, sharedFields } from "../schemas/responses/request.ts";
import type { InputTokensRequest, ResponseRequest } from "../schemas/responses/request.ts";
import { toMessages } from "./conversation.ts";
import type { Told } from "./conversation.ts";

const shared = z.object(sharedFields);

/**
 * The chat that a request asks for: from there on the two are planned, drawn and counted alike.
 * @throws InferenceError naming the field at fault
 */
export async function toChatBody(body: Given<ResponseRequest>, told: Told): Promise<ChatRequest> {
  const includesLogprobs = body.include?.includes(logprobsIncluded) ?? false;
  if (!includesLogprobs && (body.top_logprobs ?? 0) > 0) {
    throw invalid("top_logprobs", `top_logprobs is only allowed together with ${responseNames.logprobs}.`);
  }
  return {
    ...shared.parse(body),
    ...(await toPrompt(body, told)),
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
export async function toPrompt(
  body: Given<Pick<ResponseRequest, keyof InputTokensRequest & keyof ResponseRequest>>,
  told: Told,
): Promise<ChatRequest> {
  const { instructions, reasoning, text, tool_choice: choice } = body;
  const messages: RequestMessage[] = await toMessages(told);
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
