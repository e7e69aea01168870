import type { FastifyReply, FastifyRequest } from "fastify";
import { describeError, toErrorResponse } from "./errors.ts";
import type { GenerationPlan } from "./generation-plan.ts";
import type { Presenter } from "./presenters/presenter.ts";
import { requestSignal } from "./request-signal.ts";
import type { RouteContext } from "./routes/context.ts";
import { causeOf, runAdmitted } from "./run-admitted.ts";
import type { ChoiceEvent } from "./run-plan.ts";

export interface AnswerOptions<Whole extends object> {
  readonly plan: GenerationPlan;
  readonly presenter: Presenter<Whole>;
  readonly context: Pick<
    RouteContext,
    "completer" | "admission" | "identifyClient" | "metrics" | "requestTimeoutMs"
  >;
  readonly stream: boolean;
}

/**
 * Runs a plan and answers with it, whole or as server-sent events. Once a stream has begun, a failure arrives as
 * a chunk with `error`; the stream ends with [DONE] either way.
 */
export async function answer<Whole extends object>(
  request: FastifyRequest,
  reply: FastifyReply,
  { plan, presenter, context, stream }: AnswerOptions<Whole>,
): Promise<Whole> {
  const signal = requestSignal(request, reply, context.requestTimeoutMs);
  const client = context.identifyClient(request);
  return runAdmitted(plan, context, { client, signal }, async (events) => {
    if (!stream) return presenter.whole(events);
    await streamEvents(request, reply, { events, presenter, signal, includeUsage: plan.includeUsage });
    return sent(reply);
  });
}

interface StreamOptions {
  readonly events: AsyncIterable<ChoiceEvent>;
  readonly presenter: Presenter<object>;
  readonly signal: AbortSignal;
  readonly includeUsage: boolean;
}

async function streamEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  { events, presenter, signal, includeUsage }: StreamOptions,
): Promise<void> {
  // Proxies must neither keep nor rewrite what arrives piece by piece.
  void reply.header("cache-control", "no-cache, no-transform");
  reply.sse.sendHeaders();
  try {
    for await (const event of events) {
      const chunk = presenter.chunk(event);
      if (chunk !== undefined) await reply.sse.send({ data: chunk });
    }
    if (includeUsage) await reply.sse.send({ data: presenter.usageChunk() });
  } catch (error) {
    const description = describeError(causeOf(error, signal));
    if (description.code === "aborted") return;
    request.log.error({ err: error }, "a stream failed");
    await reply.sse.send({ data: toErrorResponse(description) });
  }
  await reply.sse.send("[DONE]");
  reply.sse.close();
}

/** Fastify takes the reply itself for "answered already"; the type provider has no word for that. */
const sent = (reply: FastifyReply): never => reply as never;

/** Id and time that all chunks of an answer share. */
export function answerHead(request: FastifyRequest): { id: string; created: number } {
  return { id: request.id, created: Math.floor(Date.now() / 1000) };
}
