import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import type { TokenIds } from "../../core/tokens.ts";
import type { Tokenizer } from "../../decoder/completer.ts";
import { failuresOfBodies } from "../failures.ts";
import { checkPromptSizes, checkVocabulary } from "../generation-plan.ts";
import { dropNulls } from "../given.ts";
import { longList, longObject, longText, mapLazily } from "../long-json.ts";
import { samplerOfModelName } from "../model-name.ts";
import { requestSignal } from "../request-signal.ts";
import { sendWhole, sent } from "../send-whole.ts";
import {
  detokenizeRequest,
  detokenizeResponse,
  tokenizeRequest,
  tokenizeResponse,
} from "../schemas/tokens.ts";
import type { RouteContext } from "./context.ts";

/** POST /tokenize and /detokenize, in vLLM's and llama.cpp's shapes at once. */
export function tokenRoutes({
  completer,
  identifyClient,
  requestTimeoutMs,
}: RouteContext): FastifyPluginCallbackZod {
  const { model, tokenizer } = completer;
  return (app, _options, done) => {
    app.post(
      "/tokenize",
      {
        schema: {
          summary: "Turn text into token ids",
          tags: ["tokens"],
          body: tokenizeRequest,
          response: { 200: tokenizeResponse, ...failuresOfBodies },
        },
      },
      async (request, reply) => {
        const body = dropNulls(request.body);
        samplerOfModelName(body.model, model);
        const text = body.prompt ?? body.content;
        if (text === undefined) {
          throw new InferenceError("invalid_request", "prompt is missing: send the text to tokenise.", {
            param: "prompt",
          });
        }
        const param = body.prompt === undefined ? "content" : "prompt";
        const prompt = { text, addSpecialTokens: body.add_special_tokens ?? true };
        checkPromptSizes([prompt], model, param);
        const signal = requestSignal(request, reply, requestTimeoutMs);
        const [tokens = []] = await completer.prompts.encode([prompt], {
          param,
          client: identifyClient(request),
          signal,
        });
        const json = longObject<z.output<typeof tokenizeResponse>>({
          count: tokens.length,
          max_model_len: model.maxLength,
          tokens: longList(() => tokens),
          token_strs:
            body.return_token_strs === true
              ? longList(() => mapLazily(tokens, (token) => tokenizer.textOf(token)))
              : null,
        });
        await sendWhole(reply, json, signal);
        return sent(reply);
      },
    );

    app.post(
      "/detokenize",
      {
        schema: {
          summary: "Turn token ids into text",
          tags: ["tokens"],
          body: detokenizeRequest,
          response: { 200: detokenizeResponse, ...failuresOfBodies },
        },
      },
      async (request, reply) => {
        const { model: name, tokens } = dropNulls(request.body);
        samplerOfModelName(name, model);
        checkVocabulary("tokens", tokens, model);
        const signal = requestSignal(request, reply, requestTimeoutMs);
        // Made as it is sent: it may be many times as long as the tokens are.
        const text = longText(() => textPieces(tokens, tokenizer));
        await sendWhole(
          reply,
          longObject<z.output<typeof detokenizeResponse>>({ prompt: text, content: text }),
          signal,
        );
        return sent(reply);
      },
    );
    app.get(
      "/tokenizer_info",
      {
        schema: {
          summary: "Show the tokenizer's configuration",
          description: "tokenizer_config.json, its special tokens as plain strings.",
          tags: ["tokens"],
          response: { 200: z.record(z.string(), z.unknown()) },
        },
      },
      () => ({ ...tokenizer.config, ...tokenizer.specialTokens }),
    );
    done();
  };
}

/** Tokens decoded together. */
const groupLength = 16;

/** Text of tokens, some at a time, in whole characters. */
function* textPieces(tokens: TokenIds, tokenizer: Tokenizer): Generator<string, void, undefined> {
  const stream = tokenizer.stream({ keepSpecial: true });
  for (let start = 0; start < tokens.length; start += groupLength)
    yield Array.from(tokens.slice(start, start + groupLength), (id) => stream.push(id)).join("");
  yield stream.flush();
}
