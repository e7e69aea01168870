import type { FastifyReply, FastifyRequest } from "fastify";
import { answerHead, ignoredHeader } from "../answer.ts";
import { answerRates } from "../answer-size.ts";
import { prepare } from "../endpoint.ts";
import type { Endpoint } from "../endpoint.ts";
import { dropNulls } from "../given.ts";
import type { Given } from "../given.ts";
import { invalid } from "../invalid.ts";
import { chatShape } from "../least-demand.ts";
import { longObject } from "../long-json.ts";
import { ResponsePresenter } from "../presenters/response.ts";
import { requestSignal } from "../request-signal.ts";
import type { RouteContext } from "../routes/context.ts";
import type { ChatRequest } from "../schemas/chat.ts";
import type { ResponseRequest } from "../schemas/responses/request.ts";
import { sendWhole, sent } from "../send-whole.ts";
import { toChatBody } from "./chat-body.ts";
import { readConversation } from "./history.ts";
import { planResponse } from "./plan-response.ts";
import { ResponseAnswer } from "./response-answer.ts";
import { headOf } from "./response-head.ts";
import type { ResponseStore } from "./response-store.ts";
import { runHere, runInBackground } from "./run-response.ts";
import type { ResponseRun } from "./run-response.ts";
import { streamRecord } from "./stream-response.ts";

/** Answers POST /v1/responses: whole, as events, or at once with a response that runs on. */
export async function answerResponse(
  request: FastifyRequest & { readonly body: ResponseRequest },
  reply: FastifyReply,
  context: RouteContext,
): Promise<never> {
  const run = await planRun(request, reply, context);
  const { answer: begun, caller, isStreamed } = run;
  // For operators and proxies, which see no bodies.
  const { ignored = [], background } = begun.head;
  if (ignored.length > 0) void reply.header(ignoredHeader, ignored.join(", "));
  if (!background) return runHere(run, request, reply, context);
  await runInBackground(run, request, context);
  if (isStreamed) await streamRecord(begun, request, reply, { context, signal: caller.signal });
  else {
    const presenter = new ResponsePresenter(begun, context.completer.tokenizer);
    await sendWhole(reply, longObject(presenter.begun("queued")), caller.signal);
  }
  return sent(reply);
}

async function planRun(
  request: FastifyRequest & { readonly body: ResponseRequest },
  reply: FastifyReply,
  context: RouteContext,
): Promise<ResponseRun> {
  const body = dropNulls(request.body);
  checkBackground(body);
  const isKept = keeps(body, context.responses);
  const owner = context.identifyOwner(request);
  const { before, input } = readConversation(body, context.responses, owner);
  const chat = await toChatBody(body, { before, input });
  const endpoint: Endpoint<ChatRequest, ResponseAnswer> = {
    plan: (given, planContext, caller) =>
      planResponse(given, planContext, caller, body.truncation === "auto"),
    present: (plan, _tokenizer, head) => new ResponseAnswer(headOf(body, plan, { ...head, isKept }), plan),
  };
  const signal = requestSignal(request, reply, context.requestTimeoutMs);
  const caller = { client: context.identifyClient(request), signal };
  const { plan, presenter: answer } = await prepare(endpoint, chat, { context, head: answerHead(), caller });
  const rates = answerRates(chatShape(chat), context.completer.model);
  return { plan, answer, input, owner, caller, rates, isStreamed: body.stream ?? false };
}

/** Whether a response is kept. @throws InferenceError where it is to be, and the server keeps none */
function keeps(
  { store, background }: Given<ResponseRequest>,
  { isOpen }: Pick<ResponseStore, "isOpen">,
): boolean {
  if (isOpen || (store !== true && background !== true)) return isOpen && store !== false;
  const field = background === true ? "background" : "store";
  throw invalid(
    field,
    `${field}: this server keeps no responses (serve --response-store-mib 0). Leave it out.`,
  );
}

function checkBackground({ background, store, stream_options }: Given<ResponseRequest>): void {
  if (background !== true) return;
  if (store === false)
    throw invalid("store", "store: a background response is kept, to be retrieved. Leave store: false out.");
  if (stream_options?.include_progress === true) {
    throw invalid(
      "stream_options",
      "stream_options: include_progress is not kept, so a background response cannot tell it. Leave one of them out.",
    );
  }
}
