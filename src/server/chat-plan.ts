import { InferenceError } from "../core/errors.ts";
import type { TokenIds } from "../core/tokens.ts";
import type { Caller } from "./caller.ts";
import { toChatMessages } from "./chat-message.ts";
import { chatNames } from "./field-names.ts";
import type { FieldNames } from "./field-names.ts";
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
  names: FieldNames = chatNames,
): Promise<GenerationPlan> {
  if ((body.top_logprobs ?? 0) > 0 && body.logprobs !== true) {
    throw invalid("top_logprobs", "top_logprobs is only allowed together with logprobs: true.");
  }
  const input = {
    prompts: await encodeChat(body, context.completer, caller, names),
    names,
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
    // To the end of the context.
    usualMaxTokens: Infinity,
    ...chatShape(body),
    tools: await planTools(body, context.completer, caller, names),
    ignored: ignoredChatNames.filter((name) => body[name] !== undefined).map(names.ignored),
  };
  return planGeneration(body, input, context);
}

/** The tokens of a chat's prompt, alone in a list. @throws InferenceError naming the field at fault and what to do */
export async function encodeChat(
  body: Given<ChatRequest>,
  completer: PlanContext["completer"],
  caller: Caller,
  { prompt: param }: Pick<FieldNames, "prompt">,
): Promise<TokenIds[]> {
  if (!completer.prompts.takesChats) {
    throw new InferenceError(
      "unsupported",
      `The model '${completer.model.id}' has no chat template. Use /v1/completions, or start the server with --chat-template FILE.`,
      { param },
    );
  }
  const { tools = [], documents } = body;
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
  return encodePrompts([conversation], completer, { param, ...caller });
}
