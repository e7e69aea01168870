import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { encodeChat } from "../chat-plan.ts";
import { responseNames } from "../responses/response-names.ts";
import { failuresOfAnswers, failuresOfBodies, failuresOfResponses } from "../failures.ts";
import { dropNulls } from "../given.ts";
import { invalid } from "../invalid.ts";
import { samplerOfModelName } from "../model-name.ts";
import { ResponsePresenter } from "../presenters/response.ts";
import { requestSignal } from "../request-signal.ts";
import { answerResponse } from "../responses/answer-response.ts";
import { toPrompt } from "../responses/chat-body.ts";
import { inputOf, readConversation } from "../responses/history.ts";
import { pageOf } from "../responses/page.ts";
import { streamRecord } from "../responses/stream-response.ts";
import { responseEvent } from "../schemas/responses/events.ts";
import { itemsQuery, responseId, retrieveQuery } from "../schemas/responses/query.ts";
import { inputTokensRequest, responseRequest } from "../schemas/responses/request.ts";
import {
  deletedResponse,
  inputItemList,
  inputTokensResponse,
  responseResponse,
} from "../schemas/responses/response.ts";
import { sendWhole, sent } from "../send-whole.ts";
import type { RouteContext } from "./context.ts";

const tags = ["responses"];
const params = z.object({ id: responseId });

const wholeOrStreamed = {
  description:
    "The response; or, with `stream`, event by event as server-sent events, the last of which has the whole response; a failure comes as `error` and `response.failed`.",
  content: {
    "application/json": { schema: responseResponse },
    "text/event-stream": { schema: responseEvent },
  },
};

/** POST /v1/responses, and what there is for those that are kept. */
export function responseRoutes(context: RouteContext): FastifyPluginCallbackZod {
  const { completer, responses, identifyOwner, identifyClient, requestTimeoutMs } = context;
  return (app, _options, done) => {
    app.post(
      "/v1/responses",
      {
        schema: {
          summary: "Create a response",
          description:
            "OpenAI's Responses API over the model's chat template. Takes the same sampler fields as /v1/completions.",
          tags,
          body: responseRequest,
          response: { 200: wholeOrStreamed, ...failuresOfAnswers },
        },
      },
      (request, reply) => answerResponse(request, reply, context),
    );

    app.post(
      "/v1/responses/input_tokens",
      {
        schema: {
          summary: "Count the tokens of a response's prompt",
          tags,
          body: inputTokensRequest,
          response: { 200: inputTokensResponse, ...failuresOfBodies },
        },
      },
      async (request, reply) => {
        const body = dropNulls(request.body);
        samplerOfModelName(body.model, completer.model);
        const told = readConversation(body, responses, identifyOwner(request));
        const caller = {
          client: identifyClient(request),
          signal: requestSignal(request, reply, requestTimeoutMs),
        };
        const chat = dropNulls(await toPrompt(body, told));
        const [tokens] = await encodeChat(chat, completer, caller, responseNames);
        return { object: "response.input_tokens" as const, input_tokens: tokens!.length };
      },
    );

    app.get(
      "/v1/responses/:id",
      {
        schema: {
          summary: "Retrieve a response",
          description: "As POST returned it, or as far as it has come.",
          tags,
          params,
          querystring: retrieveQuery,
          response: { 200: wholeOrStreamed, ...failuresOfResponses },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        const { stream, starting_after: after, ...query } = request.query;
        const { answer } = responses.get(id, identifyOwner(request));
        if ((query.include ?? query["include[]"]) !== undefined && answer.shown.logprobs === undefined) {
          throw invalid(
            "include",
            "include: this response was created without log-probs, which are not kept by themselves. Ask for them when it is created.",
          );
        }
        if (after !== undefined && stream !== "true")
          throw invalid("starting_after", "starting_after is only allowed together with stream=true.");
        const signal = requestSignal(request, reply, requestTimeoutMs);
        if (stream === "true")
          await streamRecord(answer, request, reply, {
            context,
            signal,
            ...(after !== undefined && { after }),
          });
        else await sendWhole(reply, new ResponsePresenter(answer, completer.tokenizer).whole(), signal);
        return sent(reply);
      },
    );

    app.delete(
      "/v1/responses/:id",
      {
        schema: {
          summary: "Delete a response",
          description:
            "One that runs in the background ends. Responses that go on from it cannot be gone on from any more.",
          tags,
          params,
          response: { 200: deletedResponse, ...failuresOfResponses },
        },
      },
      (request) => {
        const { id } = responses.get(request.params.id, identifyOwner(request)).answer.head;
        responses.delete(id);
        return { id, object: "response" as const, deleted: true as const };
      },
    );

    app.post(
      "/v1/responses/:id/cancel",
      {
        schema: {
          summary: "Cancel a response that runs in the background",
          description: "One that has ended stays as it is.",
          tags,
          params,
          response: { 200: responseResponse, ...failuresOfResponses },
        },
      },
      async (request, reply) => {
        const { answer, cancel } = responses.get(request.params.id, identifyOwner(request));
        if (cancel === undefined) {
          throw invalid(
            "response_id",
            "Only responses created with background: true can be cancelled; others end when their client leaves.",
          );
        }
        if (!answer.isOver) cancel();
        const signal = requestSignal(request, reply, requestTimeoutMs);
        await sendWhole(reply, new ResponsePresenter(answer, completer.tokenizer).whole(), signal);
        return sent(reply);
      },
    );

    app.get(
      "/v1/responses/:id/input_items",
      {
        schema: {
          summary: "List what a response was told",
          tags,
          params,
          querystring: itemsQuery,
          response: { 200: inputItemList, ...failuresOfResponses },
        },
      },
      async (request, reply) => {
        const owner = identifyOwner(request);
        const items = inputOf(responses.get(request.params.id, owner), responses, owner);
        const signal = requestSignal(request, reply, requestTimeoutMs);
        await sendWhole(reply, pageOf(items, request.query), signal);
        return sent(reply);
      },
    );
    done();
  };
}
