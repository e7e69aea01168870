import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import { optionalAnswer, readAs } from "./answers.ts";
import type { Connection } from "./connection.ts";
import type { Dialect, DialectSettings, ServerDescription } from "./dialect.ts";
import { findModel, modelsSchema } from "./models.ts";
import { garbage } from "./remote-error.ts";
import { drawBySglang, scoreBySglang } from "./sglang-generate.ts";

const modelSchema = z.looseObject({
  model_path: z.string().nullish(),
  weight_version: z.string().nullish(),
});
const serverSchema = z.looseObject({
  version: z.string().nullish(),
  speculative_algorithm: z.string().nullish(),
  speculative_accept_threshold_single: z.number().nullish(),
  speculative_accept_threshold_acc: z.number().nullish(),
  enable_deterministic_inference: z.boolean().nullish(),
});
const loadsSchema = z.looseObject({
  loads: z.array(z.looseObject({ num_running_reqs: z.number(), num_waiting_reqs: z.number() })),
});
const tokensSchema = z.looseObject({ tokens: z.array(z.number().int()) });

/** SGLang takes prompts that are so much shorter than its context. */
const reserved = 7;

/**
 * SGLang. It reports log q, unless SGLANG_RETURN_ORIGINAL_LOGPROB=1 has it report log p after logit_bias; what else is
 * asked of it is scored by a second call.
 */
export function createSglang({ vocabularySize }: DialectSettings): Dialect {
  let weights: string | undefined;
  return {
    name: "sglang",
    inverseTemperatures: { least: 1e-4, most: 1e4 },
    adjustments: ["logit_bias", "min_tokens", "frequency_penalty", "presence_penalty"],
    // Biases are known to mean the same.
    countsTokens: false,
    truncation: "apart",
    scoreRoom: 1,
    rawFlag: "SGLANG_RETURN_ORIGINAL_LOGPROB=1 in its environment, or without it",
    agreementFlags:
      "--speculative-algorithm, and without --kv-cache-dtype fp8_e5m2 or fp8_e4m3, which change what is drawn",

    describe: async (server, asked, signal) => {
      const model = await optionalAnswer(modelSchema, server.get("/model_info", { signal }));
      weights = model?.weight_version ?? undefined;
      return describe(server, { asked, model }, signal);
    },

    tokenize: async (server, { model, text }, signal) => {
      const body = { model, prompt: text, add_special_tokens: false };
      return readAs(tokensSchema, await server.post("/tokenize", body, { signal })).tokens;
    },

    draw: (server, call, signal) => {
      checkIds([...call.prefix, ...(call.sampling.adjustments?.bias?.keys() ?? []), ...call.without]);
      return drawBySglang(server, { call, weights }, signal);
    },
    score: (server, call, signal) => {
      checkIds(call.tokens);
      return scoreBySglang(server, { call, weights }, signal);
    },

    running: async (server, signal) =>
      readAs(loadsSchema, await server.get("/v1/loads", { signal })).loads.reduce(
        (sum, { num_running_reqs: running, num_waiting_reqs: waiting }) => sum + running + waiting,
        0,
      ),
  };

  /** An id beyond the vocabulary ends the server. */
  function checkIds(ids: readonly number[]): void {
    const beyond = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabularySize));
    if (beyond === undefined) return;
    throw new InferenceError(
      "invalid_request",
      `Token id ${beyond} is outside the vocabulary (0..${vocabularySize - 1}).`,
    );
  }
}

/** @throws InferenceError `unsupported` where its speculation changes the law */
async function describe(
  server: Connection,
  {
    asked,
    model,
  }: { readonly asked: string | undefined; readonly model: z.infer<typeof modelSchema> | undefined },
  signal: AbortSignal,
): Promise<ServerDescription> {
  const { data } = readAs(modelsSchema, await server.get("/v1/models", { signal }));
  const { id, root, max_model_len: length } = findModel(data, asked);
  if (length == null) throw garbage("its list of models tells no max_model_len");
  const settings = await optionalAnswer(serverSchema, server.get("/server_info", { signal }));
  if (settings !== undefined) refuseLossy(settings);
  return {
    model: id,
    contextLength: Math.max(1, length - reserved + 1),
    mostTop: undefined,
    version: settings?.version ?? undefined,
    identity: JSON.stringify([id, root, length, model?.model_path, model?.weight_version]),
    notes: [],
  };
}

function refuseLossy({
  speculative_algorithm: algorithm,
  speculative_accept_threshold_single: single,
  speculative_accept_threshold_acc: all,
}: z.infer<typeof serverSchema>): void {
  if (algorithm == null || ((single ?? 1) >= 1 && (all ?? 1) >= 1)) return;
  throw new InferenceError(
    "unsupported",
    "The server takes drafted tokens that its model would not have drawn: start it with --speculative-accept-threshold-single 1 and --speculative-accept-threshold-acc 1, or without --speculative-algorithm.",
  );
}
