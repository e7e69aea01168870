import type { TokenIds } from "../core/tokens.ts";
import type { Caller } from "./caller.ts";
import { completionNames } from "./field-names.ts";
import { checkVocabulary, encodePrompts, planGeneration } from "./generation-plan.ts";
import type { GenerationPlan, PlanContext } from "./generation-plan.ts";
import type { Given } from "./given.ts";
import { completionShape } from "./least-demand.ts";
import type { CompletionRequest } from "./schemas/completions.ts";

/** OpenAI's default. */
export const usualMaxTokens = 16;

/** Plans POST /v1/completions. @throws InferenceError naming the field at fault and what to do */
export async function planCompletion(
  body: Given<CompletionRequest>,
  context: PlanContext,
  caller: Caller,
): Promise<GenerationPlan> {
  const texts = textsOf(body.prompt);
  const input = {
    prompts: await toPrompts(body, texts, context.completer, caller),
    texts,
    names: completionNames,
    maxTokens: body.max_tokens,
    usualMaxTokens,
    ...completionShape(body),
  };
  return planGeneration(body, input, context);
}

/** `undefined` for a prompt of token ids. */
function textsOf(prompt: CompletionRequest["prompt"]): readonly string[] | undefined {
  if (typeof prompt === "string") return [prompt];
  return typeof prompt[0] === "string" ? (prompt as string[]) : undefined;
}

async function toPrompts(
  { prompt, add_special_tokens: addSpecialTokens = true }: Given<CompletionRequest>,
  texts: readonly string[] | undefined,
  completer: PlanContext["completer"],
  caller: Caller,
): Promise<TokenIds[]> {
  if (texts !== undefined) {
    const prompts = texts.map((text) => ({ text, addSpecialTokens }));
    return encodePrompts(prompts, completer, { param: "prompt", ...caller });
  }
  const lists = typeof prompt[0] === "number" ? [prompt as number[]] : (prompt as number[][]);
  return lists.map((tokens) => checkVocabulary("prompt", tokens, completer.model));
}
