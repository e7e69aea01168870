import { z } from "zod";
import {
  answerFields,
  answerId,
  choiceFields,
  exampleAnswer,
  exampleChoice,
  finishReason,
  usage,
} from "./completions.ts";
import { described } from "../../samplers/described.ts";
import { body } from "./body.ts";
import { exampleSum, exampleWorking } from "./example-sum.ts";
import { listed } from "./lists.ts";
import { generationFields } from "./fields.ts";
import { requestMessage } from "./messages.ts";
import { answeredCall, tool, toolChoice } from "./tools.ts";
import { unofferedChatFields } from "./unoffered.ts";

export const chatRequest = body({
  messages: described(listed(requestMessage).min(1), "The conversation so far.", [
    { role: "user", content: exampleSum },
  ]),
  ...generationFields,
  max_completion_tokens: described(
    z.number().int().min(1).nullish(),
    "Most tokens to generate; goes before max_tokens.",
    48,
  ),
  logprobs: described(z.boolean().nullish(), "Report the log-prob of each token.", true),
  top_logprobs: described(
    z.number().int().min(0).max(100).nullish(),
    "With logprobs: report this many of the likeliest tokens beside each.",
    2,
  ),
  add_generation_prompt: described(
    z.boolean().nullish(),
    "End the prompt where the assistant begins. Default: true.",
    true,
  ),
  add_special_tokens: described(
    z.boolean().nullish(),
    "Add what the tokenizer puts around a prompt, beside what the template writes. Default: false.",
    false,
  ),
  chat_template_kwargs: described(
    z.record(z.string(), z.unknown()).nullish(),
    "Further variables for the chat template.",
    { enable_thinking: false },
  ),
  tools: described(
    listed(tool).nullish(),
    "Functions that the model may call: the chat template shows it them, and how to call one.",
    [],
  ),
  tool_choice: described(
    toolChoice.nullish(),
    "`none`: the model sees the tools, and what it writes is said. `auto`: it may call some. `required`: it calls one at least. A function: it calls that. Default: `auto`.",
    "auto",
  ),
  parallel_tool_calls: described(
    z.boolean().nullish(),
    "Whether an answer may call several; only its first call is told otherwise. Default: true.",
    true,
  ),
  documents: described(
    listed(z.record(z.string(), z.unknown())).nullish(),
    "Documents for templates that show them.",
    [{ title: "Sums", text: "1+1=2" }],
  ),
  ...unofferedChatFields,
}).meta({
  id: "ChatRequest",
  examples: [{ messages: [{ role: "user", content: exampleSum }], sampler: "power", seed: 7 }],
});

export type ChatRequest = z.output<typeof chatRequest>;

const tokenFields = {
  token: described(z.string(), "The token as text.", "2"),
  logprob: described(z.number(), "Its log p, nats.", -0.02),
  bytes: described(z.array(z.number().int()).nullable(), "Its UTF-8 bytes.", [50]),
};

const tokenLogprob = z.object({
  ...tokenFields,
  top_logprobs: described(
    z.array(z.object(tokenFields)),
    "The likeliest tokens, as many as top_logprobs asked for.",
    [],
  ),
});

export const chatLogprobs = z
  .object({ content: described(z.array(tokenLogprob), "One entry for each token.", []) })
  .meta({ id: "ChatLogprobs" });

export const chatFinishReason = z.enum([...finishReason.options, "tool_calls"]);

const message = z.object({
  role: described(z.literal("assistant"), "Always the assistant.", "assistant"),
  content: described(
    z.string().nullable(),
    "What the answer says; null where it calls tools and says nothing.",
    exampleWorking,
  ),
  refusal: described(z.null(), "Always null.", null),
  tool_calls: described(z.array(answeredCall).optional(), "The calls it makes, if any.", []),
});

const chatChoice = z.object({
  ...choiceFields,
  logprobs: described(chatLogprobs.nullable(), "When asked for.", null),
  message: described(message, "The answer as a message.", {
    role: "assistant",
    content: exampleWorking,
    refusal: null,
  }),
  finish_reason: described(
    chatFinishReason,
    "`stop`: an end token or a stop string; `tool_calls`: so too, and the answer calls tools; `length`: max_tokens.",
    "stop",
  ),
});

const exampleId = "chatcmpl-0f8e2c5d9b7a4e31a6d4c2b1f0e9d8c7";
export const chatId = answerId(exampleId);

const exampleChat = {
  ...exampleChoice,
  message: { role: "assistant", content: exampleWorking, refusal: null },
};

export const chatResponse = z
  .object({
    id: chatId,
    ...answerFields,
    object: described(z.literal("chat.completion"), "The kind of object.", "chat.completion"),
    choices: described(z.array(chatChoice), "`n` answers.", [exampleChat]),
    usage,
  })
  .meta({
    id: "ChatResponse",
    examples: [{ id: exampleId, object: "chat.completion", choices: [exampleChat], ...exampleAnswer }],
  });

export type ChatLogprobs = z.output<typeof chatLogprobs>;
export type ChatResponse = z.output<typeof chatResponse>;
export type ChatChoice = z.output<typeof chatChoice>;
