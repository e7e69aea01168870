import { z } from "zod";
import { described } from "../../samplers/described.ts";

/**
 * Fields of OpenAI's and vLLM's requests that nothing is offered for here. Which of them are refused, and which are let
 * be, is a matter of what they ask for: docs/api.md has the table.
 */

/** Refused by name rather than ignored, but for the values that ask for nothing. */
export function refused(what: string, neutral: readonly unknown[] = []) {
  const texts = new Set(neutral.map((value) => JSON.stringify(value)));
  return described(
    z
      .unknown()
      .refine((value) => value === null || value === undefined || texts.has(JSON.stringify(value)), {
        error: `${what} is not supported here; leave it out`,
        params: { code: "unsupported" },
      })
      .optional(),
    `Not supported: refused unless it asks for nothing (${[...texts, "null"].join(", ")}).`,
    null,
  );
}

/** Could not change an answer on any server: bookkeeping, billing, transport. */
export const harmless = (example: unknown = null) =>
  described(z.unknown().optional(), "Accepted for compatibility; has no effect.", example);

/** Could change an answer elsewhere, and is sent unasked: taken, and named in the answer's `ignored`. */
const ignored = (example: unknown) =>
  described(z.unknown().optional(), "Has no effect here: the answer names it in `ignored`.", example);

/** Of both endpoints. */
export const unofferedFields = {
  metadata: harmless(),
  store: harmless(),
  safety_identifier: harmless(),
  prompt_cache_key: harmless(),
  prompt_cache_retention: harmless("24h"),
  prompt_cache_options: harmless(),
  request_id: harmless(),
  session_id: harmless(),
  user: harmless("someone"),
  spaces_between_special_tokens: harmless(true),
  skip_special_tokens: refused("skip_special_tokens: false", [true]),
  include_stop_str_in_output: refused("include_stop_str_in_output", [false]),
  bad_words: refused("bad_words", [[]]),
  allowed_token_ids: refused("allowed_token_ids", [[]]),
  prompt_logprobs: refused("prompt_logprobs"),
  logprob_token_ids: refused("logprob_token_ids", [[]]),
  truncate_prompt_tokens: refused("truncate_prompt_tokens"),
  truncation_side: harmless(),
  thinking_token_budget: refused("thinking_token_budget", [-1]),
  repetition_detection: refused("repetition_detection"),
  stream_interval: refused("stream_interval", [1]),
  watermarking: refused("watermarking", [false]),
  cache_salt: refused("cache_salt"),
  return_token_offsets: refused("return_token_offsets", [false]),
  routed_experts_prompt_start: refused("routed_experts_prompt_start", [0]),
  return_mm_kwargs: harmless(true),
  kv_transfer_params: refused("kv_transfer_params", [{}]),
  ec_transfer_params: refused("ec_transfer_params", [{}]),
  vllm_xargs: refused("vllm_xargs", [{}]),
};

/** Of completions alone. */
export const unofferedCompletionFields = {
  suffix: refused("suffix", [""]),
  prompt_embeds: refused("prompt_embeds", [[]]),
};

const ignoredChatFields = {
  reasoning_effort: ignored("medium"),
  verbosity: ignored("medium"),
  prediction: ignored({ type: "content", content: "9*4=36" }),
};

/** Those of a chat's body that its answer names. */
export const ignoredChatNames = Object.keys(ignoredChatFields) as (keyof typeof ignoredChatFields)[];

/** Of chats alone. */
export const unofferedChatFields = {
  ...ignoredChatFields,
  functions: refused("functions, the former name of tools,", [[]]),
  function_call: refused("function_call, the former name of tool_choice,", ["none", "auto"]),
  modalities: refused("other modalities", [["text"]]),
  audio: refused("audio"),
  web_search_options: refused("web search"),
  moderation: refused("moderation"),
  include_reasoning: refused("include_reasoning: false", [true]),
  echo: refused("echo in a chat", [false]),
  continue_final_message: refused("continue_final_message", [false]),
  chat_template: refused("a chat template in the request"),
  media_io_kwargs: refused("other modalities", [{}]),
  mm_processor_kwargs: refused("other modalities", [{}]),
  return_prompt_text: refused("return_prompt_text", [false]),
};
