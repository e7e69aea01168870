import { z } from "zod";
import { readAs } from "./answers.ts";
import type { Connection } from "./connection.ts";
import type { Dialect, DialectSettings, ReportedToken, ScoreCall, ServerDescription } from "./dialect.ts";
import { findModel, modelsSchema } from "./models.ts";
import { RemoteError, garbage } from "./remote-error.ts";
import { reportToken } from "./reported.ts";
import type { Entry } from "./reported.ts";
import {
  completions,
  drawByIds,
  drawByText,
  generate,
  logprob,
  tellCached,
  usageSchema,
} from "./vllm-stream.ts";

const versionSchema = z.looseObject({ version: z.string() });
const tokensSchema = z.looseObject({ tokens: z.array(z.number().int()) });

const promptSchema = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        prompt_logprobs: z.array(z.record(z.string(), z.looseObject({ logprob })).nullable()),
      }),
    )
    .min(1),
  usage: usageSchema,
});

/**
 * vLLM. Tokens are drawn by /inference/v1/generate where it is open (`--enable-scale-out`), which speaks
 * in ids and makes no text, else by /v1/completions.
 */
export function createVllm({ vocabularySize }: DialectSettings): Dialect {
  let isOpen = false;
  return {
    name: "vllm",
    // It refuses temperatures above 2, and takes 0.01 for those below.
    inverseTemperatures: { least: 0.5, most: 100 },
    adjustments: ["logit_bias", "min_tokens", "repetition_penalty", "frequency_penalty", "presence_penalty"],
    countsTokens: true,
    truncation: "together",
    scoreRoom: 1,
    rawFlag: "--logprobs-mode raw_logprobs",
    mostTopFlag: "--max-logprobs",
    agreementFlags: "speculative decoding that changes what is drawn, and without --kv-cache-dtype fp8",

    describe: async (server, model, signal) => {
      const description = await describe(server, model, signal);
      isOpen = await isGenerateOpen(server, description.model, signal);
      return isOpen ? description : { ...description, notes: [closedNote] };
    },

    tokenize: async (server, { model, text }, signal) => {
      const body = { model, prompt: text, add_special_tokens: false };
      return readAs(tokensSchema, await server.post("/tokenize", body, { signal })).tokens;
    },

    draw: (server, call, signal) =>
      isOpen
        ? drawByIds(server, { call, asked: Math.min(call.topCount + 1, vocabularySize) }, signal)
        : drawByText(server, call, signal),

    score,

    running: async (server, signal) => {
      const metrics = await server.text("/metrics", { signal });
      const values = [...metrics.matchAll(/^vllm:num_requests_running(?:\{[^}]*\})? ([0-9.e+]+)$/gm)];
      return values.length === 0 ? undefined : values.reduce((sum, [, value]) => sum + Number(value), 0);
    },
  };
}

const closedNote =
  "tokens are drawn by /v1/completions; --enable-scale-out opens /inference/v1/generate, which makes no text";

async function describe(
  server: Connection,
  asked: string | undefined,
  signal: AbortSignal,
): Promise<ServerDescription> {
  const { data } = readAs(modelsSchema, await server.get("/v1/models", { signal }));
  const found = findModel(data, asked);
  const { id, root } = found;
  // An adapter has the context of the model that it is for.
  const contextLength =
    found.max_model_len ?? data.find(({ max_model_len: length }) => length)?.max_model_len;
  if (contextLength == null) throw garbage("its list of models tells no max_model_len");
  const version = await server.get("/version", { signal }).then(
    (said) => versionSchema.safeParse(said).data?.version,
    () => undefined,
  );
  return {
    model: id,
    contextLength,
    mostTop: undefined,
    version,
    identity: JSON.stringify([id, root, contextLength]),
    notes: [],
  };
}

async function isGenerateOpen(server: Connection, model: string, signal: AbortSignal): Promise<boolean> {
  const body = { model, token_ids: [0], sampling_params: { max_tokens: 1, detokenize: false } };
  try {
    await server.post(generate, body, { signal });
    return true;
  } catch (error) {
    // Closed, or not there; a proxy may say so in other ways.
    if (error instanceof RemoteError && !error.retryable) return false;
    throw error;
  }
}

async function score(
  server: Connection,
  { model, session, tokens, from, topCount, onCached }: ScoreCall,
  signal: AbortSignal,
): Promise<readonly ReportedToken[]> {
  const body = {
    model,
    prompt: tokens,
    max_tokens: 1,
    temperature: 0,
    ignore_eos: true,
    prompt_logprobs: topCount,
    return_tokens_as_token_ids: true,
  };
  const { choices, usage } = readAs(promptSchema, await server.post(completions, body, { signal, session }));
  tellCached(usage, onCached);
  const { prompt_logprobs: scores } = choices[0]!;
  if (scores.length !== tokens.length) throw garbage("it scores another number of tokens");
  return tokens.slice(from).map((token, index) => {
    const entries = Object.entries(scores[from + index] ?? {}).map(([id, { logprob }]): Entry => [
      Number(id),
      logprob,
    ]);
    const own = entries.find(([id]) => id === token);
    if (own === undefined) throw garbage(`it scores no token ${token}`);
    return reportToken(own, entries, topCount);
  });
}
