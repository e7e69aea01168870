import type { FastifyReply, FastifyRequest } from "fastify";
import { describeError, logFailure, toErrorResponse } from "./errors.ts";
import { prepare } from "./endpoint.ts";
import type { Endpoint } from "./endpoint.ts";
import { EventStream } from "./event-stream.ts";
import { uniqueId } from "./ids.ts";
import type { AnswerHead, Presenter } from "./presenters/presenter.ts";
import { shownChoices } from "./selection/shown-choices.ts";
import { sendWhole, sent } from "./send-whole.ts";
import { requestSignal } from "./request-signal.ts";
import type { RouteContext } from "./routes/context.ts";
import { causeOf, runAdmitted } from "./run-admitted.ts";
import type { ChatRequest } from "./schemas/chat.ts";
import type { CompletionRequest } from "./schemas/completions.ts";
import type { ChoiceEvent } from "./run-plan.ts";

export const ignoredHeader = "x-ignored-fields";

/**
 * Answers a body, whole or as server-sent events. Once a stream has begun, a failure arrives as a chunk with `error`;
 * the stream ends with [DONE] either way.
 */
export async function answer<Body extends CompletionRequest | ChatRequest>(
  request: FastifyRequest & { readonly body: Body },
  reply: FastifyReply,
  { endpoint, context }: { readonly endpoint: Endpoint<Body>; readonly context: RouteContext },
): Promise<never> {
  const client = context.identifyClient(request);
  const { body } = request;
  const signal = requestSignal(request, reply, context.requestTimeoutMs);
  const caller = { client, signal };
  const { plan, presenter } = await prepare(endpoint, body, { context, head: answerHead(), caller });
  // For operators and proxies, which see no bodies.
  if (plan.ignored.length > 0) void reply.header(ignoredHeader, plan.ignored.join(", "));
  return runAdmitted(plan, context, caller, async (drawn) => {
    const events = shownChoices(plan, drawn);
    const { includeUsage } = plan;
    const { heartbeatMs } = context;
    if (body.stream === true)
      await streamEvents(request, reply, { events, presenter, signal, includeUsage, heartbeatMs });
    else await sendWhole(reply, await presenter.whole(events), signal);
    return sent(reply);
  });
}

interface StreamOptions {
  readonly events: AsyncIterable<ChoiceEvent>;
  readonly presenter: Presenter<object, object>;
  readonly signal: AbortSignal;
  readonly includeUsage: boolean;
  readonly heartbeatMs: number;
}

async function streamEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  { events, presenter, signal, includeUsage, heartbeatMs }: StreamOptions,
): Promise<void> {
  using stream = new EventStream(reply, { heartbeatMs, signal });
  try {
    for await (const event of events) {
      for (const chunk of presenter.chunks(event)) await stream.send(chunk);
    }
    if (includeUsage) await stream.send(presenter.usageChunk());
  } catch (error) {
    const description = describeError(causeOf(error, signal));
    if (description.code === "aborted") return;
    logFailure(request, error, "a stream failed");
    if (stream.isStuck) return;
    await stream.send(toErrorResponse(description));
  }
  await stream.send("[DONE]");
}

/** Id and time that all chunks of an answer share. */
export const answerHead = (): AnswerHead => ({ id: uniqueId(), created: Math.floor(Date.now() / 1000) });
