import { z } from "zod";
import { optionalAnswer, readAs } from "./answers.ts";
import type { Connection } from "./connection.ts";
import type { Dialect, ServerDescription } from "./dialect.ts";
import { LlamaCppCompletions, drafts } from "./llamacpp-completions.ts";
import { findModel } from "./models.ts";
import { garbage } from "./remote-error.ts";

const modelsSchema = z.looseObject({
  data: z
    .array(
      z.looseObject({
        id: z.string(),
        aliases: z.array(z.string()).nullish(),
        meta: z
          .looseObject({
            n_vocab: z.number().nullish(),
            n_ctx: z.number().int().positive().nullish(),
            n_params: z.number().nullish(),
            size: z.number().nullish(),
          })
          .nullish(),
      }),
    )
    .min(1),
});
const propsSchema = z.looseObject({
  default_generation_settings: z.looseObject({ n_ctx: z.number().int().positive() }),
  model_path: z.string().nullish(),
  total_slots: z.number().int().nullish(),
  build_info: z.string().nullish(),
});
const slotsSchema = z.array(
  z.looseObject({ speculative: z.boolean().nullish(), is_processing: z.boolean().nullish() }),
);
const tokensSchema = z.looseObject({ tokens: z.array(z.number().int()) });

/** llama.cpp's server. Its slots are the calls that it runs at once; others wait for one. */
export function createLlamaCpp(): Dialect {
  const completions = new LlamaCppCompletions();
  return {
    name: "llamacpp",
    inverseTemperatures: { least: 1e-4, most: 1e4 },
    adjustments: ["logit_bias", "min_tokens", "repetition_penalty", "frequency_penalty", "presence_penalty"],
    // It counts those of the prompt too.
    countsTokens: false,
    truncation: "together",
    scoreRoom: 0,
    rawFlag: "nothing in front of it that sets post_sampling_probs",
    agreementFlags:
      "speculative decoding (--spec-type none), and without --cache-type-k and --cache-type-v below f16",

    describe,

    tokenize: async (server, { text }, signal) => {
      const body = { content: text, add_special: false, parse_special: true };
      return readAs(tokensSchema, await server.post("/tokenize", body, { signal })).tokens;
    },

    draw: (server, call, signal) => completions.draw(server, call, signal),
    score: (server, call, signal) => completions.score(server, call, signal),

    running: async (server, signal) =>
      readAs(slotsSchema, await server.get("/slots", { signal })).filter(
        ({ is_processing: isProcessing }) => isProcessing === true,
      ).length,
  };
}

/** @throws InferenceError `unsupported` where it drafts tokens */
async function describe(
  server: Connection,
  asked: string | undefined,
  signal: AbortSignal,
): Promise<ServerDescription> {
  const { data } = readAs(modelsSchema, await server.get("/v1/models", { signal }));
  const { id, meta } = findModel(data, asked);
  const properties = await optionalAnswer(propsSchema, server.get("/props", { signal }));
  // Of one slot: what the server was given in all is shared out among them.
  const contextLength = properties?.default_generation_settings.n_ctx ?? meta?.n_ctx;
  if (contextLength == null) throw garbage("neither /props nor its list of models tells n_ctx");
  const slots = await optionalAnswer(slotsSchema, server.get("/slots", { signal }));
  if (slots?.some(({ speculative }) => speculative === true) === true) throw drafts();
  const count = properties?.total_slots ?? slots?.length;
  return {
    model: id,
    contextLength,
    mostTop: undefined,
    version: properties?.build_info ?? undefined,
    identity: JSON.stringify([
      id,
      properties?.model_path,
      meta?.n_vocab,
      meta?.n_params,
      meta?.size,
      contextLength,
    ]),
    notes: count == null ? [] : [`it runs ${count} calls at once, others wait: --parallel sets how many`],
  };
}
