import { z } from "zod";
import { readAs } from "./answers.ts";
import type { Connection } from "./connection.ts";
import { logitBias } from "./dialect.ts";
import type { DrawCall, ReportedToken, ScoreCall } from "./dialect.ts";
import { RemoteError, brokenOff, garbage, refusal } from "./remote-error.ts";
import { reportToken } from "./reported.ts";

const path = "/generate";

/** Each message repeats all that came before it in its call: so many tokens a call. */
const mostTokens = 64;

/** `[log-prob, id, text]`. */
const entrySchema = z.tuple([z.number().nullable(), z.number().int()]).rest(z.unknown());
type SglangEntry = z.infer<typeof entrySchema>;
const listsSchema = z.array(z.array(entrySchema).nullable()).nullish();

const finishSchema = z
  .looseObject({ type: z.string(), message: z.string().nullish(), status_code: z.number().nullish() })
  .nullish();

const drawnSchema = z.looseObject({
  output_ids: z.array(z.number().int()),
  meta_info: z.looseObject({
    finish_reason: finishSchema,
    /** All that were drawn until now. */
    completion_tokens: z.number().int(),
    weight_version: z.string().nullish(),
    cached_tokens: z.number().int().nullish(),
    output_token_logprobs: z.array(entrySchema).nullish(),
    output_top_logprobs: listsSchema,
  }),
});
const scoredSchema = z.looseObject({
  meta_info: z.looseObject({
    cached_tokens: z.number().int().nullish(),
    weight_version: z.string().nullish(),
    finish_reason: finishSchema,
    input_token_logprobs: z.array(entrySchema),
    input_top_logprobs: listsSchema,
  }),
});

/** The whole law: whatever is left out, the server fills in from the model's generation_config.json. */
const samplingOf = (call: Pick<DrawCall, "sampling" | "without">): object => {
  const { inverseTemperature, topK = -1, topP = 1, minP = 0 } = call.sampling;
  return {
    n: 1,
    temperature: 1 / inverseTemperature,
    // One is all that is left of one.
    top_p: topK === 1 ? 1 : topP,
    top_k: topK,
    min_p: minP,
    repetition_penalty: 1,
    frequency_penalty: 0,
    presence_penalty: 0,
    logit_bias: logitBias(call),
    min_new_tokens: 0,
    stop: [],
    skip_special_tokens: false,
  };
};

/** Tokens as they come, of a part of the call where it is long. */
export async function* drawBySglang(
  server: Connection,
  { call, weights }: { readonly call: DrawCall; readonly weights: string | undefined },
  signal: AbortSignal,
): AsyncGenerator<readonly ReportedToken[], void, undefined> {
  const { prefix, maxTokens, endTokens, seed, session, topCount, onCached } = call;
  const body = {
    input_ids: prefix,
    sampling_params: {
      ...samplingOf(call),
      max_new_tokens: Math.min(maxTokens, mostTokens),
      // With it, stop_token_ids would end nothing.
      ignore_eos: endTokens.length === 0,
      stop_token_ids: endTokens,
      sampling_seed: seed,
    },
    ...reported(topCount),
    logprob_start_len: -1,
    stream: true,
  };
  let told = 0;
  let isFinished = false;
  for await (const said of server.stream(path, body, { signal, session })) {
    const { output_ids: ids, meta_info: meta } = readAs(drawnSchema, said);
    throwIfUnlike(meta, weights);
    const count = meta.completion_tokens - told;
    if (count > 0) {
      const tokens = lastOf(ids, count);
      const logprobs = lastOf(meta.output_token_logprobs ?? [], count);
      const top = lastOf(meta.output_top_logprobs ?? [], count);
      yield tokens.map((token, index) => {
        const [logprob, id] = logprobs[index]!;
        if (id !== token) throw garbage(`it reports token ${id} for ${token}`);
        return reportToken([token, logprob], entriesOf(top[index]!), topCount);
      });
      told += count;
    }
    if (!isFinished && meta.finish_reason != null && meta.cached_tokens != null)
      onCached?.(meta.cached_tokens);
    isFinished ||= meta.finish_reason != null;
  }
  if (!isFinished) throw brokenOff();
}

/** What a second call says of given tokens: log p at temperature 1, whatever the server reports of those it draws. */
export async function scoreBySglang(
  server: Connection,
  { call, weights }: { readonly call: ScoreCall; readonly weights: string | undefined },
  signal: AbortSignal,
): Promise<readonly ReportedToken[]> {
  const { tokens, from, session, topCount, onCached } = call;
  if (from >= tokens.length) return [];
  const body = {
    input_ids: tokens,
    sampling_params: {
      ...samplingOf({ sampling: { inverseTemperature: 1 }, without: [] }),
      max_new_tokens: 0,
      ignore_eos: true,
    },
    ...reported(topCount),
    // The first that is told of is the one before, which has none.
    logprob_start_len: from - 1,
    stream: false,
  };
  const { meta_info: meta } = readAs(scoredSchema, await server.post(path, body, { signal, session }));
  throwIfUnlike(meta, weights);
  if (meta.cached_tokens != null) onCached?.(meta.cached_tokens);
  const count = tokens.length - from;
  const scores = lastOf(meta.input_token_logprobs, count);
  const top = lastOf(meta.input_top_logprobs ?? [], count);
  return scores.map(([logprob, id], index) => {
    const token = tokens[from + index]!;
    // The last of the vocabulary is told as 0, as the hashes are that stand for images.
    if (id !== token && id !== 0) throw garbage(`it scores token ${id} for ${token}`);
    return reportToken([token, logprob], entriesOf(top[index]!), topCount);
  });
}

const reported = (topCount: number) => ({
  return_logprob: true,
  top_logprobs_num: topCount,
  return_text_in_logprobs: false,
});

/** The new ones of a list, which holds all that came before them too, unless the server tells each once. */
function lastOf<Item>(all: readonly Item[], count: number): readonly Item[] {
  if (all.length < count) throw garbage("it has tokens without log-probs");
  return all.slice(all.length - count);
}

const entriesOf = (top: readonly SglangEntry[] | null) =>
  (top ?? []).map(([logprob, id]) => [id, logprob] as const);

interface Meta {
  readonly finish_reason?: z.infer<typeof finishSchema>;
  readonly weight_version?: string | null | undefined;
}

/**
 * @param weights what the server called those that it was examined with
 * @throws RemoteError for a request that the server gave up, or that others answer
 */
function throwIfUnlike(
  { finish_reason: finish, weight_version: version }: Meta,
  weights: string | undefined,
): void {
  if (finish?.type === "abort") {
    const { status_code: status, message } = finish;
    throw status == null ? brokenOff() : refusal(status, message ?? "");
  }
  // Whether it is another model is found out before the next call.
  if (weights !== undefined && version != null && version !== weights)
    throw new RemoteError(`The server has other weights: ${version}, which were ${weights}.`, {
      retryable: true,
    });
}
