import { z } from "zod";
import { errorCodes } from "../../../core/errors.ts";
import { count, described } from "../../../samplers/described.ts";
import { chatLogprobs } from "../chat.ts";
import { answerFields, choiceFields } from "../completions.ts";
import { exampleWorking } from "../example-sum.ts";
import { textFormat } from "../structured.ts";
import { responseTool, responseToolChoice } from "../tools.ts";
import { inputItem } from "./items.ts";
import { metadata } from "./request.ts";

export const statuses = ["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"] as const;
export type ResponseStatus = (typeof statuses)[number];

const itemId = described(z.string(), "The item's own.", "msg_0f8e2c5d9b7a4e31a6d4c2b1f0e9d8c7");

export const outputText = z.object({
  type: described(z.literal("output_text"), "The kind of part.", "output_text"),
  text: described(z.string(), "The answer.", exampleWorking),
  annotations: described(z.array(z.unknown()), "Always empty.", []),
  logprobs: described(chatLogprobs.shape.content, "One entry for each token, where they are included.", []),
});

export const outputMessage = z
  .object({
    type: described(z.literal("message"), "The kind of item.", "message"),
    id: itemId,
    role: described(z.literal("assistant"), "Always the assistant.", "assistant"),
    status: described(
      z.enum(["in_progress", "completed", "incomplete"]),
      "How far it has come.",
      "completed",
    ),
    content: described(z.array(outputText), "Its text, once it has begun.", []),
  })
  .meta({ id: "ResponseMessage" });

export const outputCall = z
  .object({
    type: described(z.literal("function_call"), "The kind of item.", "function_call"),
    id: described(z.string(), "The item's own.", "fc_0f8e2c5d9b7a4e31a6d4c2b1f0e9d8c7"),
    call_id: described(z.string(), "What the function's output is to call it by.", "call_1"),
    name: described(z.string(), "The function.", "add"),
    arguments: described(z.string(), "Its arguments, JSON as the model wrote it.", '{"a": 1, "b": 2}'),
    status: outputMessage.shape.status,
  })
  .meta({ id: "ResponseFunctionCall" });

export const outputItem = z.discriminatedUnion("type", [outputMessage, outputCall]);

const usage = z
  .object({
    input_tokens: count("Tokens of the prompt.", 10),
    input_tokens_details: described(
      z.object({
        cached_tokens: count("Always 0: what the cache saves is counted for all requests together.", 0),
        cache_write_tokens: count("Always 0.", 0),
      }),
      "What is known of them.",
      { cached_tokens: 0, cache_write_tokens: 0 },
    ),
    output_tokens: count("Tokens of the completion, the end token included.", 35),
    output_tokens_details: described(
      z.object({ reasoning_tokens: count("Always 0: reasoning is not told apart.", 0) }),
      "What is known of them.",
      { reasoning_tokens: 0 },
    ),
    total_tokens: count("Both together.", 45),
  })
  .meta({ id: "ResponseUsage" });

const failure = z.object({
  code: described(z.string(), `One of ${errorCodes.join(", ")}.`, "deadline_exceeded"),
  message: described(z.string(), "What is wrong and what to do about it.", "Ask for fewer tokens."),
});

const { logprobs_mode, ignored, reproducibility, mixing, selected, votes } = answerFields;
const text = (description: string, example: string) => described(z.string().nullable(), description, example);

export const responseResponse = z
  .object({
    id: described(z.string(), "The response's own.", "resp_0f8e2c5d9b7a4e31a6d4c2b1f0e9d8c7"),
    object: described(z.literal("response"), "The kind of object.", "response"),
    created_at: described(z.number().int(), "Unix time, seconds.", 1_764_000_000),
    completed_at: described(z.number().int().nullable(), "When it was completed, seconds.", 1_764_000_001),
    status: described(
      z.enum(statuses),
      "`completed`: an end token or a stop string; `incomplete`: max_output_tokens, or `ended_early`.",
      "completed",
    ),
    error: described(failure.nullable(), "Why it failed.", null),
    incomplete_details: described(
      z
        .object({ reason: described(z.literal("max_output_tokens"), "Why it ended.", "max_output_tokens") })
        .nullable(),
      "Why it is incomplete.",
      null,
    ),
    model: answerFields.model,
    output: described(
      z.array(outputItem),
      "What the model answered: what it says, and the functions that it calls; nothing before it ends, nor where it failed without a word.",
      [],
    ),
    usage: described(usage.nullable(), "What OpenAI counts, once it has ended.", null),
    instructions: text("As the request had them.", "Work out the value."),
    previous_response_id: text("As the request had it.", "resp_1f8e2c5d9b7a4e31a6d4c2b1f0e9d8c7"),
    background: described(z.boolean(), "Whether it runs whoever waits for it.", false),
    store: described(z.boolean(), "Whether it is kept.", true),
    max_output_tokens: described(z.number().int().nullable(), "As the request had it.", 48),
    max_tool_calls: described(z.null(), "Always null.", null),
    temperature: described(z.number().nullable(), "As the request had it.", 1),
    top_p: described(z.number().nullable(), "As the request had it.", 1),
    top_logprobs: count("As the request had it.", 0),
    truncation: described(z.enum(["disabled", "auto"]), "As the request had it.", "disabled"),
    text: described(
      z.object({
        format: described(textFormat, "As the request had it.", { type: "text" }),
      }),
      "How the answer is written.",
      { format: { type: "text" } },
    ),
    reasoning: described(
      z.object({
        effort: described(z.null(), "Always null.", null),
        summary: described(z.null(), "Always null.", null),
      }),
      "Of no reasoning.",
      { effort: null, summary: null },
    ),
    tools: described(z.array(responseTool), "As the request had them.", []),
    tool_choice: described(responseToolChoice, "As the request had it.", "auto"),
    parallel_tool_calls: described(z.boolean(), "As the request had it.", true),
    service_tier: described(z.enum(["default", "flex"]), "`flex` for batch priority.", "default"),
    metadata: described(metadata, "As the request had it.", {}),
    user: text("As the request had it.", "someone"),
    safety_identifier: text("As the request had it.", "someone"),
    prompt_cache_key: text("As the request had it.", "sums"),
    logprobs_mode,
    ignored,
    reproducibility,
    mixing,
    selected,
    votes,
    ...z.object(choiceFields).omit({ index: true }).partial({ stop_reason: true }).shape,
  })
  .meta({ id: "Response" });

export const inputItemList = z
  .object({
    object: described(z.literal("list"), "The kind of object.", "list"),
    data: described(
      z.array(inputItem),
      "What the response was told, that of the responses before it included; each item has an id.",
      [],
    ),
    first_id: described(z.string().nullable(), "The first of them; null where there is none.", "msg_1"),
    last_id: described(z.string().nullable(), "The last of them; `after` takes it.", "msg_2"),
    has_more: described(z.boolean(), "Whether there are more beyond.", false),
  })
  .meta({ id: "ResponseItemList" });

export const deletedResponse = z
  .object({
    id: described(z.string(), "The response.", "resp_0f8e2c5d9b7a4e31a6d4c2b1f0e9d8c7"),
    object: described(z.literal("response"), "The kind of object.", "response"),
    deleted: described(z.literal(true), "That it is gone.", true),
  })
  .meta({ id: "DeletedResponse" });

export const inputTokensResponse = z
  .object({
    object: described(z.literal("response.input_tokens"), "The kind of object.", "response.input_tokens"),
    input_tokens: count("Tokens of the prompt that would be made of it.", 8),
  })
  .meta({ id: "InputTokens" });

export type ResponseBody = z.output<typeof responseResponse>;
export type OutputMessage = z.output<typeof outputMessage>;
export type OutputCall = z.output<typeof outputCall>;
export type OutputItem = z.output<typeof outputItem>;
export type OutputText = z.output<typeof outputText>;
export type InputItemList = z.output<typeof inputItemList>;
