import type { FastifyReply, FastifyRequest } from "fastify";
import type { AnswerRates } from "../answer-size.ts";
import type { Caller } from "../caller.ts";
import { describeError, logFailure } from "../errors.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import { ResponsePresenter } from "../presenters/response.ts";
import { RequestLifetime } from "../request-signal.ts";
import type { RouteContext } from "../routes/context.ts";
import { runAdmitted } from "../run-admitted.ts";
import { shownChoices } from "../selection/shown-choices.ts";
import { sendWhole, sent } from "../send-whole.ts";
import type { ConversationItem } from "./conversation.ts";
import type { ResponseAnswer } from "./response-answer.ts";
import { streamRun } from "./stream-response.ts";

/** A response that is ready to run. */
export interface ResponseRun {
  readonly plan: GenerationPlan;
  readonly answer: ResponseAnswer;
  /** What it is told, without what stood before. */
  readonly input: readonly ConversationItem[];
  /** Who may see it. */
  readonly owner: string;
  /** Who waits for it; for one in the background, only until it has begun. */
  readonly caller: Caller;
  readonly rates: AnswerRates;
  readonly isStreamed: boolean;
}

/** What is kept of each part of a stream beside its text, bytes. */
const bytesOfPart = 16;

/** Keeps a response, where it is to be kept. @returns to be called when it is over, and whether it is of use */
function keep(
  { plan, answer, input, owner, caller: { client }, rates }: ResponseRun,
  { responses }: RouteContext,
  cancel?: () => void,
): (isOfUse: boolean) => void {
  const { id, store } = answer.head;
  if (!store) return () => undefined;
  const inputBytes = Buffer.byteLength(JSON.stringify([answer.head, input]));
  const bytesOf = (tokens: number): number =>
    inputBytes + rates.choice + tokens * (rates.generated + bytesOfPart);
  const kept = { answer, input, owner, client, ...(cancel === undefined ? {} : { cancel }) };
  responses.enter(kept, bytesOf(plan.requests[0]!.maxTokens));
  return (isOfUse) => {
    if (isOfUse) responses.settle(id, bytesOf(answer.outputTokens));
    else responses.delete(id);
  };
}

/** Runs it for the client that waits: one that leaves ends it. What nobody has heard of is not kept. */
export async function runHere(
  run: ResponseRun,
  request: FastifyRequest,
  reply: FastifyReply,
  context: RouteContext,
): Promise<never> {
  const { plan, answer, caller, isStreamed } = run;
  const { signal } = caller;
  const close = keep(run, context);
  let isHeardOf = false;
  try {
    return await runAdmitted(plan, context, caller, async (drawn) => {
      const events = shownChoices(plan, drawn);
      isHeardOf = isStreamed;
      if (isStreamed) await streamRun(answer, request, reply, { context, signal, events });
      else {
        for await (const event of events) answer.push(event);
        await sendWhole(reply, new ResponsePresenter(answer, context.completer.tokenizer).whole(), signal);
        isHeardOf = true;
      }
      return sent(reply);
    });
  } catch (error) {
    answer.fail(describeError(error));
    throw error;
  } finally {
    close(isHeardOf);
  }
}

/**
 * Runs it whoever waits, until it ends, is cancelled, or its time is up.
 * @returns once it is let in
 * @throws InferenceError where there is no room for it
 */
export async function runInBackground(
  run: ResponseRun,
  request: FastifyRequest,
  context: RouteContext,
): Promise<void> {
  const { plan, answer, caller } = run;
  const close = keep(run, context, () => {
    const message = "The response was cancelled.";
    lifetime.cancel(message);
    answer.fail({ code: "aborted", message });
  });
  // Begun once there is room: its clock would go on for a response that the store refused.
  const lifetime = new RequestLifetime(context.requestTimeoutMs);
  let letIn: (() => void) | undefined;
  const begun = new Promise<void>((resolve) => {
    letIn = resolve;
  });
  const ended = runAdmitted(plan, context, { ...caller, signal: lifetime.signal }, async (events) => {
    answer.start();
    letIn?.();
    for await (const event of shownChoices(plan, events)) answer.push(event);
  })
    .catch((error: unknown) => {
      answer.fail(describeError(error));
      if (!answer.hasBegun) throw error;
      logFailure(request, error, "a response in the background failed");
    })
    .finally(() => {
      lifetime[Symbol.dispose]();
      close(answer.hasBegun);
    });
  await Promise.race([begun, ended]);
}
