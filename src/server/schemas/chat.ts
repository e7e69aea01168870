import { z } from "zod";
import { powerReport, statedLogprobsMode, usage } from "./completions.ts";
import { generationFields, refused } from "./fields.ts";

const textPart = z.strictObject({
  type: z.literal("text", { error: "only text parts are supported" }),
  text: z.string(),
});

const message = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]).meta({ examples: ["user"] }),
  content: z
    .union([z.string(), z.array(textPart)], { error: "content must be a string or a list of text parts" })
    .nullish()
    .meta({ description: "Text, or a list of text parts.", examples: ["7-2*3+4="] }),
  name: z.string().nullish(),
  tool_calls: refused("tool calls", [[]]),
});

export const chatRequest = z
  .strictObject({
    messages: z
      .array(message)
      .min(1)
      .meta({ description: "The conversation so far.", examples: [[{ role: "user", content: "7-2*3+4=" }]] }),
    ...generationFields,
    max_completion_tokens: z
      .number()
      .int()
      .min(1)
      .nullish()
      .meta({ description: "Most tokens to generate; goes before max_tokens.", examples: [48] }),
    logprobs: z
      .boolean()
      .nullish()
      .meta({ description: "Report the log-prob of each token.", examples: [true] }),
    top_logprobs: z
      .number()
      .int()
      .min(0)
      .max(100)
      .nullish()
      .meta({
        description: "With logprobs: report this many of the likeliest tokens beside each.",
        examples: [2],
      }),
    add_generation_prompt: z
      .boolean()
      .nullish()
      .meta({ description: "End the prompt where the assistant begins. Default: true.", examples: [true] }),
    chat_template_kwargs: z
      .record(z.string(), z.unknown())
      .nullish()
      .meta({
        description: "Further variables for the chat template.",
        examples: [{ enable_thinking: false }],
      }),
    tools: refused("tools", [[]]),
    tool_choice: refused("tools", ["none", "auto"]),
    parallel_tool_calls: refused("tools", [true, false]),
    functions: refused("functions", [[]]),
    function_call: refused("functions", ["none", "auto"]),
    response_format: refused("structured output", [{ type: "text" }]),
    modalities: refused("other modalities", [["text"]]),
    reasoning_effort: refused("reasoning effort", []),
  })
  .meta({ id: "ChatRequest" });

export type ChatRequest = z.output<typeof chatRequest>;

const tokenLogprob = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.number().int()).nullable(),
});

const chatLogprobs = z
  .object({ content: z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob) })) })
  .meta({ id: "ChatLogprobs" });

const common = {
  index: z.number().int(),
  logprobs: chatLogprobs.nullable(),
  stop_reason: z.union([z.string(), z.number().int()]).nullable(),
  token_ids: z.array(z.number().int()).optional(),
  entropy: z.array(z.number()).optional(),
  mean_entropy: z.number().optional(),
  power: powerReport.optional(),
};

export const chatResponse = z
  .object({
    id: z.string(),
    object: z.literal("chat.completion"),
    created: z.number().int(),
    model: z.string(),
    logprobs_mode: statedLogprobsMode,
    choices: z.array(
      z.object({
        ...common,
        message: z.object({ role: z.literal("assistant"), content: z.string(), refusal: z.null() }),
        finish_reason: z.enum(["stop", "length"]),
      }),
    ),
    usage,
  })
  .meta({ id: "ChatResponse" });

export type ChatLogprobs = z.output<typeof chatLogprobs>;
export type ChatResponse = z.output<typeof chatResponse>;

/** A chunk of a streamed answer. */
export interface ChatChunk {
  readonly id: string;
  readonly object: "chat.completion.chunk";
  readonly created: number;
  readonly model: string;
  readonly logprobs_mode?: ChatResponse["logprobs_mode"];
  readonly choices: readonly (Omit<ChatResponse["choices"][number], "message" | "finish_reason"> & {
    readonly delta: { readonly role?: "assistant"; readonly content?: string };
    readonly finish_reason: "stop" | "length" | null;
  })[];
  readonly usage?: ChatResponse["usage"];
}
