import { z } from "zod";
import { described } from "../../../samplers/described.ts";
import { body } from "../body.ts";
import { chatRequest } from "../chat.ts";
import { exampleSum } from "../example-sum.ts";
import { generationFields } from "../fields.ts";
import { listed, textOrList } from "../lists.ts";
import { textFormat } from "../structured.ts";
import { responseTool, responseToolChoice } from "../tools.ts";
import { harmless, refused } from "../unoffered.ts";
import { inputItem } from "./items.ts";

/** What asks for log-probs. */
export const logprobsIncluded = "message.output_text.logprobs";

/** Reasoning is no item of answers here, so there is nothing to encrypt. */
const vacuous = "reasoning.encrypted_content";

const streamOptions = body({
  include_progress: described(
    z.boolean().nullish(),
    "While a chain works, events `metropolis.progress`, which SDKs may not know. Not with background.",
    true,
  ),
  include_usage: harmless(true),
  include_obfuscation: harmless(false),
});

/** Fields that chats have too, with the same meaning: the sampler's among them. */
export const sharedFields = z.object(generationFields).omit({
  max_tokens: true,
  n: true,
  stream_options: true,
  response_format: true,
  metadata: true,
  store: true,
  user: true,
  safety_identifier: true,
  prompt_cache_key: true,
}).shape;

const templateFields = chatRequest.pick({
  chat_template_kwargs: true,
  documents: true,
  add_special_tokens: true,
}).shape;

const word = (description: string, example: string) =>
  described(z.string().max(512).nullish(), `${description} Let be, and told again.`, example);

export const metadata = z
  .record(z.string().max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, { error: "metadata holds at most 16 pairs" });

const include = listed(
  z.enum([logprobsIncluded, vacuous], {
    error: ({ input }) =>
      `'${String(input).slice(0, 64)}' cannot be included here; there is ${logprobsIncluded}`,
  }),
);

/** What makes the model's prompt. */
const promptFields = {
  input: described(
    textOrList(inputItem, "input must be a text or a list of items").nullish(),
    "What the model is told: a text, which is the user's, or a list of items: messages, items of earlier answers, function calls and their outputs.",
    exampleSum,
  ),
  instructions: described(
    z.string().nullish(),
    "A system message before all else. Those of previous_response_id are not taken over.",
    "Work out the value.",
  ),
  previous_response_id: described(
    z.string().nullish(),
    "A stored response to go on from: what it was told and what it answered stand before `input`.",
    "resp_0f8e2c5d9b7a4e31a6d4c2b1f0e9d8c7",
  ),
  truncation: described(
    z.enum(["disabled", "auto"]).nullish(),
    "`auto` drops the oldest turns of a conversation that does not fit into the context; `disabled`, the default, refuses it.",
    "disabled",
  ),
  tools: described(listed(responseTool).nullish(), chatRequest.shape.tools.description!, []),
  tool_choice: described(responseToolChoice.nullish(), chatRequest.shape.tool_choice.description!, "auto"),
  parallel_tool_calls: chatRequest.shape.parallel_tool_calls,
  reasoning: described(
    body({ effort: harmless("medium"), summary: harmless("auto"), generate_summary: harmless() }).nullish(),
    "Has no effect here: the answer names it in `ignored`.",
    { effort: "medium" },
  ),
  text: described(
    body({
      format: described(
        textFormat.nullish(),
        "What the answer is held to: nothing but text, JSON of any kind, or of a schema.",
        { type: "text" },
      ),
      verbosity: described(
        z.unknown().optional(),
        "Has no effect here: the answer names it in `ignored`.",
        "medium",
      ),
    }).nullish(),
    "How the answer is written.",
    { format: { type: "text" } },
  ),
  conversation: refused("a conversation kept by the server"),
};

export const responseRequest = body({
  ...promptFields,
  ...sharedFields,
  ...templateFields,
  max_output_tokens: described(
    z.number().int().min(1).nullish(),
    "Most tokens to generate. Default: the model's own, else to the end of the context.",
    48,
  ),
  include: described(
    include.nullish(),
    `What the answer is to hold besides: \`${logprobsIncluded}\`. \`${vacuous}\` is taken: no answer has any.`,
    [logprobsIncluded],
  ),
  top_logprobs: described(
    z.number().int().min(0).max(100).nullish(),
    `With \`${logprobsIncluded}\`: report this many of the likeliest tokens beside each.`,
    2,
  ),
  stream_options: described(streamOptions.nullish(), "Only together with stream.", {
    include_progress: true,
  }),
  store: described(
    z.boolean().nullish(),
    "Keep the response, so that it can be retrieved and gone on from. `false` keeps nothing of it. Default: true.",
    true,
  ),
  background: described(
    z.boolean().nullish(),
    "Answer at once with a response that is under way, to be retrieved, streamed or cancelled by its id.",
    false,
  ),
  metadata: described(metadata.nullish(), "Up to 16 texts under names, told again with the response.", {
    topic: "sums",
  }),
  user: word("Who asks.", "someone"),
  safety_identifier: word("Who asks.", "someone"),
  prompt_cache_key: word("What OpenAI's cache goes by.", "sums"),
  max_tool_calls: harmless(),
  prompt: refused("a prompt kept by the server"),
  context_management: refused("context_management", [[]]),
  moderation: refused("moderation"),
}).meta({ id: "ResponseRequest", examples: [{ input: exampleSum, sampler: "power", seed: 7 }] });

export const inputTokensRequest = body({
  model: generationFields.model,
  ...promptFields,
  ...templateFields,
  personality: refused("personality"),
}).meta({ id: "InputTokensRequest", examples: [{ input: exampleSum }] });

export type ResponseRequest = z.output<typeof responseRequest>;
export type InputTokensRequest = z.output<typeof inputTokensRequest>;
