import { z } from "zod";
import type { TokenId } from "../../core/tokens.ts";
import { readAs } from "./answers.ts";
import type { Connection } from "./connection.ts";
import { logitBias } from "./dialect.ts";
import type { DrawCall, ReportedToken } from "./dialect.ts";
import { brokenOff, garbage } from "./remote-error.ts";
import { reportToken } from "./reported.ts";
import type { Entry } from "./reported.ts";

export const completions = "/v1/completions";
export const generate = "/inference/v1/generate";

export const logprob = z.number().nullable();
export const usageSchema = z
  .looseObject({ prompt_tokens_details: z.looseObject({ cached_tokens: z.number().nullish() }).nullish() })
  .nullish();
const finishReason = z.string().nullish();

/** Of a stream of /v1/completions: the keys are `token_id:N`. */
const completionSchema = z.looseObject({
  choices: z.array(
    z.looseObject({
      finish_reason: finishReason,
      token_ids: z.array(z.number().int()).nullish(),
      logprobs: z
        .looseObject({
          token_logprobs: z.array(logprob),
          top_logprobs: z.array(z.record(z.string(), logprob).nullable()).nullish(),
        })
        .nullish(),
    }),
  ),
  usage: usageSchema,
});

/** Of a stream of /inference/v1/generate. */
const generateSchema = z.looseObject({
  choices: z.array(
    z.looseObject({
      finish_reason: finishReason,
      token_ids: z.array(z.number().int()).nullish(),
      logprobs: z
        .looseObject({
          content: z
            .array(
              z.looseObject({
                token_id: z.number().int(),
                logprob,
                rank: z.number().int().nullish(),
                top_logprobs: z.array(z.looseObject({ token_id: z.number().int(), logprob })).nullish(),
              }),
            )
            .nullish(),
        })
        .nullish(),
    }),
  ),
  usage: usageSchema,
});

/** Whatever is left out, a server fills in from the model's generation_config.json. */
const samplingOf = (call: DrawCall): object => {
  const { inverseTemperature, topK = 0, topP = 1, minP = 0, adjustments } = call.sampling;
  return {
    n: 1,
    temperature: 1 / inverseTemperature,
    top_k: topK,
    top_p: topP,
    min_p: minP,
    repetition_penalty: adjustments?.repetitionPenalty ?? 1,
    frequency_penalty: adjustments?.frequencyPenalty ?? 0,
    presence_penalty: adjustments?.presencePenalty ?? 0,
    logit_bias: logitBias(call),
    seed: call.seed,
    max_tokens: call.maxTokens,
    min_tokens: 0,
    ignore_eos: true,
    stop: [],
    stop_token_ids: call.endTokens,
    bad_words: [],
    skip_special_tokens: false,
  };
};

const streamed = { stream: true, stream_options: { include_usage: true } };

export async function* drawByText(
  server: Connection,
  call: DrawCall,
  signal: AbortSignal,
): AsyncGenerator<readonly ReportedToken[], void, undefined> {
  const body = {
    model: call.model,
    prompt: call.prefix,
    ...samplingOf(call),
    logprobs: call.topCount,
    return_token_ids: true,
    return_tokens_as_token_ids: true,
    ...streamed,
  };
  const messages = server.stream(completions, body, { signal, session: call.session });
  for await (const { choices } of whole(messages, completionSchema, call)) {
    for (const { token_ids: ids, logprobs } of choices) {
      if (ids == null || ids.length === 0) continue;
      if (logprobs?.token_logprobs.length !== ids.length) throw garbage("it has tokens without log-probs");
      yield ids.map((id, index) => {
        const top = logprobs.top_logprobs?.[index] ?? {};
        return reportToken([id, logprobs.token_logprobs[index]!], byTokenId(top), call.topCount);
      });
    }
  }
}

/** @param asked one more than is needed: a token that is not among the likeliest stands in the place of the last */
export async function* drawByIds(
  server: Connection,
  { call, asked }: { readonly call: DrawCall; readonly asked: number },
  signal: AbortSignal,
): AsyncGenerator<readonly ReportedToken[], void, undefined> {
  const body = {
    model: call.model,
    token_ids: call.prefix,
    sampling_params: { ...samplingOf(call), logprobs: asked, detokenize: false },
    ...streamed,
  };
  const messages = server.stream(generate, body, { signal, session: call.session });
  for await (const { choices } of whole(messages, generateSchema, call)) {
    for (const { token_ids: ids, logprobs } of choices) {
      if (ids == null || ids.length === 0) continue;
      const content = logprobs?.content;
      if (content?.length !== ids.length) throw garbage("it has tokens without log-probs");
      yield content.map(({ token_id: id, logprob, rank, top_logprobs: likeliest }) => {
        const isAmong = rank != null && rank <= asked;
        const top = (likeliest ?? []).filter(({ token_id: other }) => isAmong || other !== id);
        return reportToken(
          [id, logprob],
          top.map(({ token_id, logprob }) => [token_id, logprob]),
          call.topCount,
        );
      });
    }
  }
}

/**
 * The messages of a stream, as their schema has them, up to its end.
 * @throws RemoteError for one that tells of an error, or where it ends before a choice has finished
 */
async function* whole<
  Message extends {
    readonly choices: readonly { readonly finish_reason?: string | null | undefined }[];
    readonly usage?: z.infer<typeof usageSchema>;
  },
>(
  messages: AsyncIterable<unknown>,
  schema: z.ZodType<Message>,
  { onCached }: Pick<DrawCall, "onCached">,
): AsyncGenerator<Message, void, undefined> {
  let isFinished = false;
  for await (const said of messages) {
    const message = readAs(schema, said);
    yield message;
    const reasons = message.choices.map(({ finish_reason: reason }) => reason);
    // A request that the server itself gave up.
    if (reasons.some((reason) => reason === "abort" || reason === "error")) throw brokenOff();
    isFinished ||= reasons.some((reason) => reason != null);
    tellCached(message.usage, onCached);
  }
  if (!isFinished) throw brokenOff();
}

export const tellCached = (
  usage: z.infer<typeof usageSchema>,
  onCached: ((tokens: number) => void) | undefined,
): void => {
  const cached = usage?.prompt_tokens_details?.cached_tokens;
  if (cached != null) onCached?.(cached);
};

function* byTokenId(top: Readonly<Record<string, number | null>>): Generator<Entry> {
  for (const [key, logprob] of Object.entries(top)) {
    const id = tokenIdOf(key);
    if (id === undefined) throw garbage(`'${key}' is no token id`);
    yield [id, logprob];
  }
}

function tokenIdOf(key: string): TokenId | undefined {
  const [, id] = /^token_id:(\d+)$/.exec(key) ?? [];
  return id === undefined ? undefined : Number(id);
}
