import { InferenceError } from "../core/errors.ts";
import type { ChatMessage } from "../decoder/completer.ts";
import { encodePrompts, invalid, planGeneration } from "./generation-plan.ts";
import type { GenerationPlan, PlanContext } from "./generation-plan.ts";
import type { Given } from "./given.ts";
import type { ChatRequest } from "./schemas/chat.ts";

/** Plans POST /v1/chat/completions. @throws InferenceError naming the field at fault and what to do */
export async function planChat(
  body: Given<ChatRequest>,
  context: PlanContext,
  signal: AbortSignal,
): Promise<GenerationPlan> {
  const { prompts, model } = context.completer;
  if (!prompts.takesChats) {
    throw new InferenceError(
      "unsupported",
      `The model '${model.id}' has no chat template. Use /v1/completions, or start the server with --chat-template FILE.`,
      { param: "messages" },
    );
  }
  if (body.top_logprobs !== undefined && body.logprobs !== true) {
    throw invalid("top_logprobs", "top_logprobs is only allowed together with logprobs: true.");
  }
  const conversation = {
    messages: body.messages.map(toMessage),
    addGenerationPrompt: body.add_generation_prompt ?? true,
    variables: body.chat_template_kwargs ?? {},
  };
  const input = {
    prompts: await encodePrompts([conversation], context.completer, { param: "messages", signal }),
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
    logprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : undefined,
    echo: false,
  };
  return planGeneration(body, input, context);
}

function toMessage({ role, content, name }: ChatRequest["messages"][number]): ChatMessage {
  const text = typeof content === "string" ? content : (content ?? []).map((part) => part.text).join("");
  return { role, content: text, ...(name === null || name === undefined ? {} : { name }) };
}
