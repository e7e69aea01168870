import type { Tokenizer } from "../decoder/completer.ts";
import type { Caller } from "./caller.ts";
import { planChat } from "./chat-plan.ts";
import { planCompletion } from "./completion-plan.ts";
import type { GenerationPlan, PlanContext } from "./generation-plan.ts";
import { dropNulls } from "./given.ts";
import type { Given } from "./given.ts";
import { leastDemand } from "./least-demand.ts";
import { ChatPresenter } from "./presenters/chat.ts";
import { withPreset } from "./presets.ts";
import { CompletionPresenter } from "./presenters/completion.ts";
import type { AnswerHead, Presenter } from "./presenters/presenter.ts";
import type { RouteContext } from "./routes/context.ts";
import { shownPlan } from "./selection/shown-choices.ts";
import type { ChatRequest, ChatResponse } from "./schemas/chat.ts";
import type { ChatChunk, CompletionChunk } from "./schemas/chunks.ts";
import type { CompletionRequest, CompletionResponse } from "./schemas/completions.ts";

/** An endpoint that generates: how a body is planned there, and what shapes its answer. */
export interface Endpoint<Body extends CompletionRequest | ChatRequest, Answer = Presenter<object, object>> {
  plan(body: Given<Body>, context: PlanContext, caller: Caller): Promise<GenerationPlan>;
  present(plan: GenerationPlan, tokenizer: Tokenizer, head: AnswerHead): Answer;
}

export const completionEndpoint: Endpoint<
  CompletionRequest,
  Presenter<CompletionResponse, CompletionChunk>
> = {
  plan: planCompletion,
  present: (plan, tokenizer, head) => new CompletionPresenter(plan, tokenizer, head),
};

export const chatEndpoint: Endpoint<ChatRequest, Presenter<ChatResponse, ChatChunk>> = {
  plan: planChat,
  present: (plan, tokenizer, head) => new ChatPresenter(plan, tokenizer, head),
};

/**
 * Gets an answer ready to run, in the one order there is: whether there is room for it, before any work is done; what
 * is asked for; how it will be shown. `runAdmitted` does the rest.
 * @throws InferenceError naming the field at fault, `overloaded`, or why the signal was aborted
 */
export async function prepare<Body extends CompletionRequest | ChatRequest, Answer>(
  endpoint: Endpoint<Body, Answer>,
  body: Body,
  {
    context,
    head,
    caller,
  }: {
    readonly context: PlanContext & Pick<RouteContext, "admission" | "completer">;
    readonly head: AnswerHead;
    readonly caller: Caller;
  },
): Promise<{ readonly plan: GenerationPlan; readonly presenter: Answer }> {
  const { model } = context.completer;
  const given = withPreset(dropNulls(body), model);
  context.admission.check(leastDemand({ ...body, best_of: given.best_of }, model), caller.client);
  const plan = await endpoint.plan(given, context, caller);
  return { plan, presenter: endpoint.present(shownPlan(plan), context.completer.tokenizer, head) };
}
