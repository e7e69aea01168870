import type { TokenIds } from "../core/tokens.ts";
import { checkVocabulary, encodePrompt, planGeneration } from "./generation-plan.ts";
import type { GenerationPlan, PlanContext } from "./generation-plan.ts";
import type { Given } from "./given.ts";
import type { CompletionRequest } from "./schemas/completions.ts";

/** Plans POST /v1/completions. @throws InferenceError naming the field at fault and what to do */
export function planCompletion(body: Given<CompletionRequest>, context: PlanContext): GenerationPlan {
  const input = {
    prompts: toPrompts(body.prompt, context.completer),
    maxTokens: body.max_tokens,
    logprobs: body.logprobs,
    echo: body.echo ?? false,
    bestOf: body.best_of,
  };
  return planGeneration(body, input, context);
}

function toPrompts(prompt: CompletionRequest["prompt"], completer: PlanContext["completer"]): TokenIds[] {
  const encode = (text: string): TokenIds =>
    encodePrompt(text, completer, { param: "prompt", addSpecialTokens: true });
  if (typeof prompt === "string") return [encode(prompt)];
  const [first] = prompt;
  if (typeof first === "string") return (prompt as string[]).map(encode);
  const lists = typeof first === "number" ? [prompt as number[]] : (prompt as number[][]);
  return lists.map((tokens) => checkVocabulary("prompt", tokens, completer.model));
}
