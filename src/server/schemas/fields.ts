import { z } from "zod";
import { logprobsModes } from "../../sampling/distribution.ts";
import { priorities } from "../../decoder/completer.ts";
import { reportShape, requestShape, samplerNames, samplers } from "../../samplers/registry.ts";
import { body } from "./body.ts";
import { seed } from "./seed.ts";
import { harmless, unofferedFields } from "./unoffered.ts";

const tokenId = z.number().int().nonnegative();

const chains = samplerNames.filter((name) => samplers[name].isChain === true);
const reporting = Object.keys(reportShape);
const summaries = samplerNames.map((name) => `\`${name}\`: ${samplers[name].summary}.`).join(" ");

const streamOptions = body({
  include_usage: z
    .boolean()
    .nullish()
    .meta({
      description: "A last chunk with the usage and no choices; `usage` is null in the others.",
      examples: [true],
    }),
  continuous_usage_stats: z
    .boolean()
    .nullish()
    .meta({ description: "The usage so far in every chunk.", examples: [false] }),
  include_progress: z
    .boolean()
    .nullish()
    .meta({
      description: `${chains.join(", ")}: while the chain works, chunks with no choices and a \`progress\` object.`,
      examples: [true],
    }),
  include_obfuscation: harmless(false),
});

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
      description: `How tokens are chosen. ${summaries} Default: the server's, which is \`standard\` unless it was started otherwise.`,
      examples: ["power"],
    }),
  ...requestShape,
  max_tokens: z
    .number()
    .int()
    .min(0)
    .nullish()
    .meta({
      description: "Most tokens to generate. Default: the model's own, else 16. 0 is for echo alone.",
      examples: [48],
    }),
  n: z
    .number()
    .int()
    .min(1)
    .max(128)
    .nullish()
    .meta({
      description: `Completions per prompt; for ${reporting.join(", ")}, independent runs. Default: 1.`,
      examples: [1],
    }),
  seed,
  stop: z
    .union(
      [
        z.string().min(1),
        z.array(z.string().min(1, "stop must not hold an empty string").nullable()).max(64),
      ],
      { error: "stop must be a non-empty string or a list of at most 64 of them" },
    )
    .nullish()
    .meta({
      description: "Text at which the completion ends, itself left out. Up to 64 strings.",
      examples: [";"],
    }),
  stream: z
    .boolean()
    .nullish()
    .meta({ description: "Send server-sent events as text becomes final.", examples: [false] }),
  stream_options: streamOptions
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
  priority: z
    .union([z.enum(priorities), z.literal(0)], { error: `priority must be one of ${priorities.join(", ")}` })
    .nullish()
    .meta({
      description:
        "`interactive` for what somebody waits for; `batch` runs on what interactive requests leave, and makes room for them when they come. The answer is the same. 0, which vLLM's clients send unasked, says nothing. Default: `batch` with service_tier `flex`, else `interactive`.",
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
  ...unofferedFields,
};

/** The fields that every generating endpoint has. */
export type GenerationFields = z.output<z.ZodObject<typeof generationFields>>;

export { tokenId };
