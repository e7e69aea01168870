import type { ignoredChatNames } from "./schemas/unoffered.ts";

export type IgnoredName = (typeof ignoredChatNames)[number];

/** What the requests of an endpoint call what they have in common with those of others: errors name it so. */
export interface FieldNames {
  /** What the model is told. */
  readonly prompt: "prompt" | "messages" | "input";
  /** Most tokens of a completion. */
  readonly length: "max_tokens" | "max_output_tokens";
  /** What asks for log-probs, and for those of how many of the likeliest. */
  readonly logprobs: string;
  readonly alternatives: "logprobs" | "top_logprobs";
  /** What holds answers to JSON, and its schema. */
  readonly format: string;
  readonly schema: string;
  /** What a tool has, by its place among them. */
  readonly tool: (index: number, part: "name" | "parameters") => string;
  /** What is let be, and named in answers. */
  readonly ignored: (name: IgnoredName) => string;
}

/** Of /v1/chat/completions. */
export const chatNames: FieldNames = {
  prompt: "messages",
  length: "max_tokens",
  logprobs: "logprobs",
  alternatives: "top_logprobs",
  format: "response_format",
  schema: "response_format",
  tool: (index, part) => `tools.${index}.function.${part}`,
  ignored: (name) => name,
};

/** Of /v1/completions. */
export const completionNames: FieldNames = { ...chatNames, prompt: "prompt", alternatives: "logprobs" };
