import type { FastifyReply, FastifyRequest } from "fastify";
import { describeError, logFailure } from "../errors.ts";
import { EventStream } from "../event-stream.ts";
import { ResponseEvents } from "../presenters/response-events.ts";
import type { NamedEvent } from "../presenters/response-events.ts";
import type { RouteContext } from "../routes/context.ts";
import { causeOf } from "../run-admitted.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { ResponseAnswer } from "./response-answer.ts";

interface StreamOptions {
  readonly context: Pick<RouteContext, "completer" | "heartbeatMs">;
  readonly signal: AbortSignal;
}

/** Streams a response while it runs for this client, and has it end when the client leaves. */
export async function streamRun(
  answer: ResponseAnswer,
  request: FastifyRequest,
  reply: FastifyReply,
  { context, signal, events }: StreamOptions & { readonly events: AsyncIterable<ChoiceEvent> },
): Promise<void> {
  using stream = new EventStream(reply, { heartbeatMs: context.heartbeatMs, signal });
  const written = new ResponseEvents(answer, context.completer.tokenizer);
  try {
    await sendAll(stream, written.begin());
    for await (const event of events) {
      if (event.type === "progress") {
        await sendAll(stream, [written.progress(event)]);
        continue;
      }
      if (event.type === "standing") await sendAll(stream, written.votes(event.standing));
      for (const part of answer.push(event)) await sendAll(stream, written.delta(part));
    }
  } catch (error) {
    const description = describeError(causeOf(error, signal));
    answer.fail(description);
    if (description.code === "aborted") return;
    logFailure(request, error, "a stream failed");
    if (stream.isStuck) return;
  }
  await sendAll(stream, written.end());
}

/** Streams a response that is kept, from its first event on or after a given one; leaving it changes nothing. */
export async function streamRecord(
  answer: ResponseAnswer,
  request: FastifyRequest,
  reply: FastifyReply,
  { context, signal, after = -1 }: StreamOptions & { readonly after?: number },
): Promise<void> {
  using stream = new EventStream(reply, { heartbeatMs: context.heartbeatMs, signal });
  const written = new ResponseEvents(answer, context.completer.tokenizer);
  const send = (events: readonly NamedEvent[]): Promise<void> =>
    sendAll(
      stream,
      events.filter(({ number = Infinity }) => number > after),
    );
  try {
    await send(written.begin());
    for await (const part of answer.read(signal)) await send(written.delta(part));
    await send(written.end());
  } catch (error) {
    const description = describeError(causeOf(error, signal));
    if (description.code === "aborted" || stream.isStuck) return;
    logFailure(request, error, "a stream failed");
    await sendAll(stream, [written.fault(description)]);
  }
}

async function sendAll(stream: EventStream, events: readonly NamedEvent[]): Promise<void> {
  for (const { name, data } of events) await stream.send(data, name);
}
