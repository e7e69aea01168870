import { z } from "zod";
import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { answer } from "../answer.ts";
import { chatEndpoint, completionEndpoint } from "../endpoint.ts";
import { failuresOfAnswers } from "../failures.ts";
import { chatRequest, chatResponse } from "../schemas/chat.ts";
import { completionRequest, completionResponse } from "../schemas/completions.ts";
import { chatChunk, completionChunk } from "../schemas/chunks.ts";
import { errorResponse } from "../schemas/errors.ts";
import type { RouteContext } from "./context.ts";

/** POST /v1/completions and /v1/chat/completions, whole or streamed. */
export function completionRoutes(context: RouteContext): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.post(
      "/v1/completions",
      {
        schema: {
          summary: "Complete a prompt",
          description:
            'OpenAI\'s completions, and power sampling with `sampler: "power"`. With `stream: true` the answer is server-sent events.',
          tags: ["generation"],
          body: completionRequest,
          response: {
            200: wholeOrStreamed(completionResponse, completionChunk),
            ...failuresOfAnswers,
          },
        },
      },
      (request, reply) => answer(request, reply, { endpoint: completionEndpoint, context }),
    );

    app.post(
      "/v1/chat/completions",
      {
        schema: {
          summary: "Answer a conversation",
          description:
            "OpenAI's chat completions, by the model's chat template. Takes the same sampler fields as /v1/completions.",
          tags: ["generation"],
          body: chatRequest,
          response: {
            200: wholeOrStreamed(chatResponse, chatChunk),
            ...failuresOfAnswers,
          },
        },
      },
      (request, reply) => answer(request, reply, { endpoint: chatEndpoint, context }),
    );
    done();
  };
}

/** What a body is answered with, by whether it says `stream`. */
const wholeOrStreamed = <Whole extends z.ZodType, Chunk extends z.ZodType>(whole: Whole, chunk: Chunk) => ({
  description:
    "The answer, whole; or, with `stream`, piece by piece as server-sent events that end with [DONE]; a failure comes as one of them.",
  content: {
    "application/json": { schema: whole },
    "text/event-stream": { schema: z.union([chunk, errorResponse]) },
  },
});
