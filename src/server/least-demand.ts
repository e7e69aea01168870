import type { Demand } from "./admission.ts";
import type { ChatRequest } from "./schemas/chat.ts";
import type { CompletionRequest } from "./schemas/completions.ts";

/**
 * The least that a body asks for, known without tokenising it: as many completions as it says, each with its
 * max_tokens and, where the prompt is token ids, the prompt. Text counts once it is tokenised.
 */
export function leastDemand(body: CompletionRequest | ChatRequest): Demand {
  const prompts = "prompt" in body ? promptLengths(body.prompt) : [0];
  const bestOf = "best_of" in body ? body.best_of : undefined;
  const candidates = bestOf ?? body.n ?? 1;
  const asked = "max_completion_tokens" in body ? body.max_completion_tokens : undefined;
  const maxTokens = asked ?? body.max_tokens ?? 1;
  const tokens = prompts.reduce((sum, length) => sum + candidates * (length + maxTokens), 0);
  return { completions: prompts.length * candidates, tokens };
}

/** The length of each prompt, in tokens; 0 for text. */
function promptLengths(prompt: CompletionRequest["prompt"]): number[] {
  if (typeof prompt === "string") return [0];
  if (typeof prompt[0] === "number") return [prompt.length];
  return (prompt as (string | number[])[]).map((entry) => (typeof entry === "string" ? 0 : entry.length));
}
