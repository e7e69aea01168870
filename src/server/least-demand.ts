import type { ModelInfo } from "../decoder/completer.ts";
import type { Demand } from "./admission.ts";
import { answerRates, demandOf } from "./answer-size.ts";
import type { AnswerShape } from "./answer-size.ts";
import type { ChatRequest } from "./schemas/chat.ts";
import type { CompletionRequest } from "./schemas/completions.ts";

/**
 * The least that a body asks for, known without tokenising it: as many completions as it says, each with its
 * max_tokens and, where the prompt is token ids, the prompt. Text counts once it is tokenised, and what
 * the sampler holds once its fields are read.
 */
export function leastDemand(
  body: CompletionRequest | ChatRequest,
  model: Pick<ModelInfo, "vocabularySize" | "capabilities">,
): Demand {
  const promptLengths = "prompt" in body ? lengthsOf(body.prompt) : [0];
  const candidates = body.best_of ?? body.n ?? 1;
  const asked = "max_completion_tokens" in body ? body.max_completion_tokens : undefined;
  const maxTokens = asked ?? body.max_tokens ?? 1;
  const rates = answerRates("prompt" in body ? completionShape(body) : chatShape(body), model);
  return demandOf({ promptLengths, candidates, tokensHeld: maxTokens, rates });
}

/** What a body's answer will be like. */
export const completionShape = ({
  echo,
  logprobs,
  entropy,
  return_token_ids,
}: Pick<CompletionRequest, "echo" | "logprobs" | "entropy" | "return_token_ids">): AnswerShape => ({
  endpoint: "completions",
  echo: echo ?? false,
  logprobs: logprobs ?? undefined,
  entropy: entropy ?? false,
  returnTokenIds: return_token_ids ?? false,
});

export const chatShape = ({
  logprobs,
  top_logprobs,
  entropy,
  return_token_ids,
}: Pick<ChatRequest, "logprobs" | "top_logprobs" | "entropy" | "return_token_ids">): AnswerShape => ({
  endpoint: "chat",
  echo: false,
  logprobs: logprobs === true ? (top_logprobs ?? 0) : undefined,
  entropy: entropy ?? false,
  returnTokenIds: return_token_ids ?? false,
});

/** The length of each prompt, in tokens; 0 for text. */
function lengthsOf(prompt: CompletionRequest["prompt"]): number[] {
  if (typeof prompt === "string") return [0];
  if (typeof prompt[0] === "number") return [prompt.length];
  return (prompt as (string | number[])[]).map((entry) => (typeof entry === "string" ? 0 : entry.length));
}
