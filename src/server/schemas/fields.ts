import { z } from "zod";
import { logprobsModes } from "../../sampling/distribution.ts";
import { priorities, samplerNames } from "../../decoder/completer.ts";
import { powerFields } from "./power-fields.ts";

/** Clients send explicit nulls for what they leave open; null means the default, as in OpenAI's API. */
const seedLimit = Number.MAX_SAFE_INTEGER;
/**
 * A field that clients send but that is not supported: values that ask for nothing pass, others are refused by
 * name rather than ignored.
 */
export function refused(what: string, neutral: readonly unknown[]) {
  const texts = new Set(neutral.map((value) => JSON.stringify(value)));
  return z
    .unknown()
    .refine((value) => value === null || value === undefined || texts.has(JSON.stringify(value)), {
      error: `${what} is not supported here; leave it out`,
      params: { code: "unsupported" },
    })
    .optional()
    .meta({
      description: `Not supported: refused unless it asks for nothing (${[...texts, "null"].join(", ")}).`,
      examples: [null],
    });
}

const harmless = () =>
  z
    .unknown()
    .optional()
    .meta({ description: "Accepted for compatibility; has no effect.", examples: [null] });

const tokenId = z.number().int().nonnegative();

/** How a completion is drawn. The same fields at top level of every generating endpoint. */
export const generationFields = {
  model: z
    .string()
    .nullish()
    .meta({
      description:
        "The model's id, as /v1/models lists it. A suffix picks the sampler: `abacus:power`, `abacus:greedy`.",
      examples: ["abacus", "abacus:power"],
    }),
  sampler: z
    .enum(samplerNames, { error: `sampler must be one of ${samplerNames.join(", ")}` })
    .nullish()
    .meta({
      description:
        "How tokens are chosen. `power`: whole completions from p(x)^alpha by Metropolis-Hastings. `smc`: approximately so, by particles (sequential Monte Carlo). `maximize`: a search for the likeliest completion, no sampler. `standard`: token by token with temperature, top_p, top_k, min_p. `low_temperature`: token by token at T = 1/alpha. `greedy`: the likeliest token each time. Default: the server's, which is `standard` unless it was started otherwise.",
      examples: ["power"],
    }),
  ...powerFields,
  max_tokens: z
    .number()
    .int()
    .min(0)
    .nullish()
    .meta({
      description: "Most tokens to generate. Default: the model's own, else 16. 0 is for echo alone.",
      examples: [48],
    }),
  temperature: z
    .number()
    .min(0)
    .max(100)
    .refine(
      (value) => value === 0 || value >= 0.001,
      "temperature must be 0, which is greedy, or at least 0.001",
    )
    .nullish()
    .meta({
      description:
        "standard: softmax temperature; 0 is greedy. The other samplers take 0 or 1 and ignore them, since clients send these by default. Default: 1.",
      examples: [1],
    }),
  top_p: z
    .number()
    .gt(0, "top_p must be above 0")
    .max(1)
    .nullish()
    .meta({ description: "standard: nucleus mass. Default: 1, which keeps everything.", examples: [1] }),
  top_k: z
    .number()
    .int()
    .min(-1)
    .nullish()
    .meta({
      description: "standard: keep the k likeliest tokens. 0 and -1 keep everything. Default: 0.",
      examples: [0],
    }),
  min_p: z
    .number()
    .min(0)
    .max(1)
    .nullish()
    .meta({
      description:
        "standard: keep tokens with at least this share of the likeliest one's probability. Default: 0.",
      examples: [0],
    }),
  n: z
    .number()
    .int()
    .min(1)
    .max(128)
    .nullish()
    .meta({
      description: "Completions per prompt; for power, smc and maximize, independent runs. Default: 1.",
      examples: [1],
    }),
  seed: z
    .number()
    .int()
    .min(-seedLimit)
    .max(seedLimit)
    .nullish()
    .meta({
      description: "The same seed and request give the same completion. Default: a fresh one each time.",
      examples: [7],
    }),
  stop: z
    .union([z.string().min(1), z.array(z.string().min(1, "stop must not hold an empty string")).max(64)], {
      error: "stop must be a non-empty string or a list of at most 64 of them",
    })
    .nullish()
    .meta({
      description: "Text at which the completion ends, itself left out. Up to 64 strings.",
      examples: [";"],
    }),
  stream: z
    .boolean()
    .nullish()
    .meta({ description: "Send server-sent events as text becomes final.", examples: [false] }),
  stream_options: z
    .strictObject({
      include_usage: z
        .boolean()
        .nullish()
        .meta({ description: "A last chunk with the usage and no choices.", examples: [true] }),
      include_progress: z
        .boolean()
        .nullish()
        .meta({
          description:
            "power, maximize: while the chain works, chunks with no choices and a `progress` object.",
          examples: [true],
        }),
    })
    .nullish()
    .meta({ description: "Only together with stream.", examples: [{ include_usage: true }] }),
  logprobs_mode: z
    .enum(logprobsModes, { error: `logprobs_mode must be one of ${logprobsModes.join(", ")}` })
    .nullish()
    .meta({
      description:
        "With logprobs: `raw` reports the model's own log-probs, `sampled` those of the law that tokens were drawn from, with temperature, truncation, penalties and bias (for power: the proposal's). The answer says which. Default: raw.",
      examples: ["raw"],
    }),
  return_token_ids: z
    .boolean()
    .nullish()
    .meta({ description: "Add prompt_token_ids and token_ids to each choice.", examples: [false] }),
  return_tokens_as_token_ids: z
    .boolean()
    .nullish()
    .meta({
      description: "In logprobs, write tokens as `token_id:N`, the one form without collisions.",
      examples: [false],
    }),
  stop_token_ids: z
    .array(tokenId)
    .max(64)
    .nullish()
    .meta({ description: "Tokens that end the completion, beside the model's own.", examples: [[14]] }),
  ignore_eos: z
    .boolean()
    .nullish()
    .meta({ description: "Go on after the model's own end token.", examples: [false] }),
  entropy: z
    .boolean()
    .nullish()
    .meta({
      description: "Add the entropy of the raw next-token distribution at each token, nats, and its mean.",
      examples: [true],
    }),
  presence_penalty: z
    .number()
    .min(-2)
    .max(2)
    .nullish()
    .meta({
      description: "standard: taken off the logit of a token that the completion holds already. Default: 0.",
      examples: [0],
    }),
  frequency_penalty: z
    .number()
    .min(-2)
    .max(2)
    .nullish()
    .meta({
      description: "standard: taken off a token's logit for each time the completion holds it. Default: 0.",
      examples: [0],
    }),
  repetition_penalty: z
    .number()
    .min(0.01, "repetition_penalty must be at least 0.01")
    .max(100)
    .nullish()
    .meta({
      description: "standard: weakens tokens that prompt or completion hold; 1 is off. Default: 1.",
      examples: [1],
    }),
  logit_bias: z
    .record(z.string().regex(/^\d+$/, "logit_bias: keys are token ids"), z.number().min(-100).max(100))
    .nullish()
    .meta({
      description: "standard: added to the logits of the tokens named by id.",
      examples: [{ "15": -100 }],
    }),
  min_tokens: z
    .number()
    .int()
    .min(0)
    .nullish()
    .meta({
      description: "standard: no end token before so many tokens. Not together with stop. Default: 0.",
      examples: [0],
    }),
  priority: z
    .enum(priorities, { error: `priority must be one of ${priorities.join(", ")}` })
    .nullish()
    .meta({
      description:
        "`interactive` for what somebody waits for; `batch` runs on what interactive requests leave, and makes room for them when they come. The answer is the same. Default: `batch` with service_tier `flex`, else `interactive`.",
      examples: ["interactive"],
    }),
  service_tier: z
    .unknown()
    .optional()
    .meta({
      description:
        "OpenAI's `flex` means priority `batch`, unless priority says otherwise. Other values are accepted for compatibility and have no effect.",
      examples: ["auto"],
    }),
  metadata: harmless(),
  store: harmless(),
  safety_identifier: harmless(),
  prompt_cache_key: harmless(),
  user: z
    .string()
    .nullish()
    .meta({ description: "Accepted for compatibility; has no effect.", examples: ["someone"] }),
};

/** The fields that every generating endpoint has. */
export type GenerationFields = z.output<z.ZodObject<typeof generationFields>>;

export { tokenId };
