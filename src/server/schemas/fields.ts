import { z } from "zod";
import { described } from "../../samplers/described.ts";
import { logprobsModes } from "../../sampling/distribution.ts";
import { priorities } from "../../decoder/completer.ts";
import { requestShape, samplerNames, samplers } from "../../samplers/registry.ts";
import { body } from "./body.ts";
import { seed } from "./seed.ts";
import { selectionFields } from "./selection.ts";
import { structuredFields } from "./structured.ts";
import { harmless, unofferedFields } from "./unoffered.ts";

const tokenId = z.number().int().nonnegative();

/** Characters of all stop strings together: each completion looks for them all. */
const maxStopLength = 8192;

const chains = samplerNames.filter((name) => samplers[name].isChain === true);
const summaries = samplerNames.map((name) => `\`${name}\`: ${samplers[name].summary}.`).join(" ");

const streamOptions = body({
  include_usage: described(
    z.boolean().nullish(),
    "A last chunk with the usage and no choices; `usage` is null in the others.",
    true,
  ),
  continuous_usage_stats: described(z.boolean().nullish(), "The usage so far in every chunk.", false),
  include_progress: described(
    z.boolean().nullish(),
    `${chains.join(", ")}: while the chain works, chunks with no choices and a \`progress\` object.`,
    true,
  ),
  include_obfuscation: harmless(false),
});

/** How a completion is drawn. The same fields at top level of every generating endpoint. */
export const generationFields = {
  model: described(
    z.string().nullish(),
    "The model's id, as /v1/models lists it. A suffix picks the sampler, as in `abacus:power`, or a preset of the model's, whose fields then stand where the request has none.",
    "abacus",
    "abacus:power",
  ),
  sampler: described(
    z.enum(samplerNames, { error: `sampler must be one of ${samplerNames.join(", ")}` }).nullish(),
    `How tokens are chosen. ${summaries} Default: the server's, which is \`standard\` unless it was started otherwise.`,
    "power",
  ),
  ...requestShape,
  max_tokens: described(
    z.number().int().min(0).nullish(),
    "Most tokens to generate. Default: the model's own, else 16. 0 is for echo alone.",
    48,
  ),
  n: described(
    z.number().int().min(1).max(128).nullish(),
    "Completions per prompt, drawn independently of one another; of beam the n best. Default: 1.",
    1,
  ),
  ...selectionFields,
  seed,
  stop: described(
    z
      .union(
        [
          z.string().min(1),
          z.array(z.string().min(1, "stop must not hold an empty string").nullable()).max(64),
        ],
        { error: "stop must be a non-empty string or a list of at most 64 of them" },
      )
      .refine((stop) => [stop].flat().join("").length <= maxStopLength, {
        error: `stop must hold no more than ${maxStopLength} characters in all`,
      })
      .nullish(),
    `Text at which the completion ends, itself left out. Up to 64 strings, ${maxStopLength} characters in all.`,
    ";",
  ),
  stream: described(z.boolean().nullish(), "Send server-sent events as text becomes final.", false),
  stream_options: described(streamOptions.nullish(), "Only together with stream.", { include_usage: true }),
  logprobs_mode: described(
    z.enum(logprobsModes, { error: `logprobs_mode must be one of ${logprobsModes.join(", ")}` }).nullish(),
    "With logprobs: `raw` reports the model's own log-probs, `sampled` those of the law that tokens were drawn from, with temperature, truncation, penalties and bias (for power: the proposal's). The answer says which. Default: raw. A server elsewhere that runs the model does not tell them, which is refused.",
    "raw",
  ),
  return_token_ids: described(
    z.boolean().nullish(),
    "Add prompt_token_ids and token_ids to each choice.",
    false,
  ),
  return_tokens_as_token_ids: described(
    z.boolean().nullish(),
    "In logprobs, write tokens as `token_id:N`, the one form without collisions.",
    false,
  ),
  stop_token_ids: described(
    z.array(tokenId).max(64).nullish(),
    "Tokens that end the completion, beside the model's own.",
    [14],
  ),
  ignore_eos: described(z.boolean().nullish(), "Go on after the model's own end token.", false),
  ...structuredFields,
  entropy: described(
    z.boolean().nullish(),
    "Add the entropy of the raw next-token distribution at each token, nats, and its mean; both bounds of them where a server elsewhere runs the model.",
    true,
  ),
  self_certainty: described(
    z.boolean().nullish(),
    "Add `self_certainty` to each choice: how far from uniform the raw next-token distributions were, KL(U ‖ p), on average over its tokens (arXiv 2502.18581). A server elsewhere that runs the model does not tell it, which is refused.",
    true,
  ),
  priority: described(
    z
      .union([z.enum(priorities), z.literal(0)], {
        error: `priority must be one of ${priorities.join(", ")}`,
      })
      .nullish(),
    "`interactive` for what somebody waits for; `batch` runs on what interactive requests leave, and makes room for them when they come. The answer is the same. 0, which vLLM's clients send unasked, says nothing. Default: `batch` with service_tier `flex`, else `interactive`.",
    "interactive",
  ),
  service_tier: described(
    z.unknown().optional(),
    "OpenAI's `flex` means priority `batch`, unless priority says otherwise. Other values are accepted for compatibility and have no effect.",
    "auto",
  ),
  ...unofferedFields,
};

/** The fields that every generating endpoint has. */
export type GenerationFields = z.output<z.ZodObject<typeof generationFields>>;

export { tokenId };
