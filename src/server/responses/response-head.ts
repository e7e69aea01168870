import type { GenerationPlan } from "../generation-plan.ts";
import type { Given } from "../given.ts";
import { statedMode } from "../presenters/logprobs.ts";
import { statedIgnored, statedReproducibility } from "../presenters/presenter.ts";
import type { AnswerHead } from "../presenters/presenter.ts";
import type { ResponseRequest } from "../schemas/responses/request.ts";
import type { ResponseHead } from "./response-answer.ts";

/** What a response repeats of its request. */
export function headOf(
  body: Given<ResponseRequest>,
  plan: GenerationPlan,
  { id, created, isKept }: AnswerHead & { readonly isKept: boolean },
): ResponseHead {
  return {
    id: `resp_${id}`,
    object: "response",
    created_at: created,
    model: plan.modelName,
    instructions: body.instructions ?? null,
    previous_response_id: body.previous_response_id ?? null,
    background: body.background ?? false,
    store: isKept,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: null,
    temperature: body.temperature ?? null,
    top_p: body.top_p ?? null,
    top_logprobs: body.top_logprobs ?? 0,
    truncation: body.truncation ?? "disabled",
    text: { format: body.text?.format ?? { type: "text" } },
    reasoning: { effort: null, summary: null },
    tools: body.tools ?? [],
    tool_choice: body.tool_choice ?? "auto",
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    service_tier: plan.priority === "batch" ? "flex" : "default",
    metadata: body.metadata ?? {},
    user: body.user ?? null,
    safety_identifier: body.safety_identifier ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    ...statedMode(plan),
    ...statedIgnored(plan),
    ...statedReproducibility(plan),
  };
}
