import { InferenceError } from "../core/errors.ts";
import type { Caller } from "./caller.ts";
import { toChatMessages } from "./chat-message.ts";
import { encodePrompts, planGeneration } from "./generation-plan.ts";
import type { GenerationPlan, PlanContext } from "./generation-plan.ts";
import type { Given } from "./given.ts";
import { invalid } from "./invalid.ts";
import { chatShape } from "./least-demand.ts";
import type { ChatRequest } from "./schemas/chat.ts";
import { planTools } from "./tool-plan.ts";
import { ignoredChatNames } from "./schemas/unoffered.ts";

/** Plans POST /v1/chat/completions. @throws InferenceError naming the field at fault and what to do */
export async function planChat(
  body: Given<ChatRequest>,
  context: PlanContext,
  caller: Caller,
): Promise<GenerationPlan> {
  const { prompts, model } = context.completer;
  if (!prompts.takesChats) {
    throw new InferenceError(
      "unsupported",
      `The model '${model.id}' has no chat template. Use /v1/completions, or start the server with --chat-template FILE.`,
      { param: "messages" },
    );
  }
  if ((body.top_logprobs ?? 0) > 0 && body.logprobs !== true) {
    throw invalid("top_logprobs", "top_logprobs is only allowed together with logprobs: true.");
  }
  const { tools = [], documents } = body;
  const toolPlan = await planTools(body, context, caller);
  const conversation = {
    messages: await toChatMessages(body.messages),
    addGenerationPrompt: body.add_generation_prompt ?? true,
    variables: {
      ...(tools.length === 0 ? {} : { tools }),
      ...(documents === undefined ? {} : { documents }),
      ...body.chat_template_kwargs,
    },
    addSpecialTokens: body.add_special_tokens ?? false,
  };
  const input = {
    prompts: await encodePrompts([conversation], context.completer, { param: "messages", ...caller }),
    promptField: "messages" as const,
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
    // To the end of the context.
    usualMaxTokens: Infinity,
    ...chatShape(body),
    tools: toolPlan,
    ignored: ignoredChatNames.filter((name) => body[name] !== undefined),
  };
  return planGeneration(body, input, context);
}
