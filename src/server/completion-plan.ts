import type { TokenIds } from "../core/tokens.ts";
import { checkVocabulary, encodePrompts, planGeneration } from "./generation-plan.ts";
import type { GenerationPlan, PlanContext } from "./generation-plan.ts";
import type { Given } from "./given.ts";
import type { CompletionRequest } from "./schemas/completions.ts";

/** OpenAI's default. */
const usualMaxTokens = 16;

/** Plans POST /v1/completions. @throws InferenceError naming the field at fault and what to do */
export async function planCompletion(
  body: Given<CompletionRequest>,
  context: PlanContext,
  signal: AbortSignal,
): Promise<GenerationPlan> {
  const input = {
    prompts: await toPrompts(body, context.completer, signal),
    promptField: "prompt" as const,
    maxTokens: body.max_tokens,
    usualMaxTokens,
    logprobs: body.logprobs,
    echo: body.echo ?? false,
    bestOf: body.best_of,
  };
  return planGeneration(body, input, context);
}

async function toPrompts(
  { prompt, add_special_tokens: addSpecialTokens = true }: Given<CompletionRequest>,
  completer: PlanContext["completer"],
  signal: AbortSignal,
): Promise<TokenIds[]> {
  const entries = typeof prompt === "string" ? [prompt] : prompt;
  const [first] = entries;
  if (typeof first === "string") {
    const prompts = (entries as string[]).map((text) => ({ text, addSpecialTokens }));
    return encodePrompts(prompts, completer, { param: "prompt", signal });
  }
  const lists = typeof first === "number" ? [prompt as number[]] : (prompt as number[][]);
  return lists.map((tokens) => checkVocabulary("prompt", tokens, completer.model));
}
