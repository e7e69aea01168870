import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { toErrorDescription } from "../../core/errors.ts";
import type { PlanContext } from "../completion-plan.ts";
import { planCompletion } from "../completion-plan.ts";
import { clientSignal } from "../client-signal.ts";
import { toErrorResponse } from "../errors.ts";
import { CompletionPresenter } from "../presenters/completion.ts";
import { runPlan } from "../run-plan.ts";
import { completionRequest, completionResponse } from "../schemas/completions.ts";
import { errorResponse } from "../schemas/errors.ts";
import type { RouteContext } from "./context.ts";

/** POST /v1/completions, whole or streamed. */
export function completionRoutes(context: RouteContext): FastifyPluginCallbackZod {
  const { generator } = context;
  const planContext: PlanContext = context;
  return (app, _options, done) => {
    app.post(
      "/v1/completions",
      {
        sse: "manual",
        schema: {
          summary: "Complete a prompt",
          description:
            'OpenAI\'s completions, and power sampling with `sampler: "power"`. With `stream: true` the answer is server-sent events.',
          tags: ["generation"],
          body: completionRequest,
          response: { 200: completionResponse, "4xx": errorResponse, "5xx": errorResponse },
        },
      },
      async (request, reply) => {
        const plan = planCompletion(request.body, planContext);
        const signal = clientSignal(request, reply);
        const presenter = new CompletionPresenter(plan, generator.tokenizer, {
          id: `cmpl-${request.id}`,
          created: Math.floor(Date.now() / 1000),
        });
        const events = runPlan(plan, generator, signal);
        if (request.body.stream !== true) return presenter.whole(events);

        reply.sse.sendHeaders();
        try {
          for await (const event of events) {
            const chunk = presenter.chunk(event);
            if (chunk !== undefined) await reply.sse.send({ data: chunk });
          }
          if (plan.includeUsage) await reply.sse.send({ data: presenter.usageChunk() });
        } catch (error) {
          if (signal.aborted) return reply;
          request.log.error({ err: error }, "a stream failed");
          await reply.sse.send({ data: toErrorResponse(toErrorDescription(error)) });
        }
        await reply.sse.send("[DONE]");
        reply.sse.close();
        return reply;
      },
    );
    done();
  };
}
