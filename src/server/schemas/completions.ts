import { z } from "zod";
import { logprobsModes } from "../../sampling/distribution.ts";
import { count, described } from "../../samplers/described.ts";
import { powerReport } from "../../samplers/power/report.ts";
import { reportShape } from "../../samplers/registry.ts";
import { body } from "./body.ts";
import { exampleSum, exampleWorking } from "./example-sum.ts";
import { generationFields, tokenId } from "./fields.ts";
import { selected, votes } from "./selection.ts";
import { promptOfIds, promptsOfIds, textPrompts } from "./lists.ts";
import { unofferedCompletionFields } from "./unoffered.ts";

const prompt = z.union([z.string(), textPrompts, promptOfIds, promptsOfIds], {
  error:
    "prompt must be a string, a list of strings, a list of token ids, or a list of such lists, none of them empty",
});

export const completionRequest = body({
  prompt: described(
    prompt,
    "What to continue: text, a list of texts, token ids, or a list of token id lists. Token ids are taken as they are.",
    exampleSum,
  ),
  ...generationFields,
  add_special_tokens: described(
    z.boolean().nullish(),
    "Add what the tokenizer puts around a prompt of text. Default: true.",
    true,
  ),
  ...unofferedCompletionFields,
  echo: described(
    z.boolean().nullish(),
    "Put the prompt before the completion, in text and logprobs.",
    false,
  ),
  logprobs: described(
    z.number().int().min(0).max(100).nullish(),
    "Report the log-prob of each token, and those of this many of the likeliest ones beside it.",
    1,
  ),
}).meta({ id: "CompletionRequest", examples: [{ prompt: exampleSum, sampler: "power", seed: 7 }] });

export type CompletionRequest = z.output<typeof completionRequest>;

export const statedLogprobsMode = described(
  z.enum(logprobsModes).optional(),
  "Whose log-probs these are; present together with them.",
  "raw",
);

/** Names are whatever the vocabulary has: a z.record leaves "__proto__" out. */
const byToken = z
  .custom<Readonly<Record<string, number>>>(
    (value) => typeof value === "object" && value !== null && Object.values(value).every(Number.isFinite),
  )
  .meta({ type: "object", propertyNames: { type: "string" }, additionalProperties: { type: "number" } });

const legacyLogprobs = z
  .object({
    tokens: described(z.array(z.string()), "The tokens as text, the echoed prompt's first.", ["2", "*"]),
    token_logprobs: described(
      z.array(z.number().nullable()),
      "log p of each token, nats; null for the first of a prompt.",
      [-0.02, -0.1],
    ),
    top_logprobs: described(
      z.array(byToken.nullable()),
      "The token itself and the likeliest beside it, up to k + 1 entries; null for the first of a prompt.",
      [{ "2": -0.02 }, { "*": -0.1, "+": -2.4 }],
    ),
    text_offset: described(
      z.array(z.number().int()),
      "Where each token's text begins, in characters (Unicode code points).",
      [0, 1],
    ),
  })
  .meta({ id: "CompletionLogprobs" });

const promptMixing = z
  .object({
    prompt: count("Which prompt; 0 for the first.", 0),
    chains: count("Chains compared, those that best_of left out included.", 8),
    unmixed_chains: count(
      "Those among them that read as unmixed; each choice's `mixing_warning` says why.",
      0,
    ),
    split_r_hat: described(
      z.number().nullable(),
      "Split R-hat of log p over the steps since the completions were last extended: near 1 when the chains agree, above it where each stays where it is, as settled ones do too where few answers are likely: by itself it is no warning. null where they all stand still, or took too few steps.",
      1.04,
    ),
    warning: described(
      z.string().nullable(),
      "Why the chains read as unmixed, in words; null without a sign of it, which proves nothing.",
      null,
    ),
  })
  .meta({ id: "PromptMixing", description: "Whether the chains of one prompt agree." });

/** What choices of completions and of chats have in common. */
export const choiceFields = {
  index: count("Prompt by prompt: choice i belongs to prompt ⌊i/n⌋.", 0),
  stop_reason: described(
    z.union([z.string(), z.number().int()]).nullable(),
    "The stop string or stop token that was met; null for the model's own end.",
    ";",
  ),
  ended_early: described(
    z.literal("shutdown").optional(),
    "The server shut down before the sampler was through, and gave what it had come to: the tokens so far, or a chain's current completion, which is not yet at its law. Absent from all others.",
    "shutdown",
  ),
  token_ids: described(z.array(tokenId).optional(), "The generated tokens, when asked for.", [9, 12]),
  entropy: described(
    z.array(z.number()).optional(),
    "Of the raw next-token distribution at each generated token, nats; lower bounds where `entropy_upper` is there.",
    [0.4, 0.1],
  ),
  mean_entropy: described(z.number().optional(), "Mean of `entropy` over the generated tokens, nats.", 0.25),
  entropy_upper: described(
    z.array(z.number()).optional(),
    "Upper bounds of the same, where a server elsewhere runs the model and tells the likeliest tokens alone: each entropy lies from `entropy` to these.",
    [0.43, 0.1],
  ),
  mean_entropy_upper: described(
    z.number().optional(),
    "Mean of `entropy_upper`, nats: the mean entropy lies from `mean_entropy` to this.",
    0.265,
  ),
  self_certainty: described(
    z.number().optional(),
    "Mean of KL(U ‖ p) over the generated tokens, nats: −1/(nV)·Σ log(V·p) (arXiv 2502.18581), when asked for. The raw model's, whatever the sampler; 0 without any token.",
    12.4,
  ),
  ...reportShape,
};

export const finishReason = z.enum(["stop", "length"]);
const finishDescription = "`stop`: an end token or a stop string; `length`: max_tokens, or `ended_early`.";

/** What a choice of either endpoint holds where nothing further is asked for. */
export const exampleChoice = {
  index: 0,
  logprobs: null,
  finish_reason: "stop",
  stop_reason: null,
  power: powerReport.example,
};

export const completionChoice = z.object({
  ...choiceFields,
  text: described(z.string(), "The completion; with echo, the prompt before it.", exampleWorking),
  logprobs: described(legacyLogprobs.nullable(), "When asked for.", null),
  finish_reason: described(finishReason.nullable(), `${finishDescription} Null in mid-stream.`, "stop"),
  prompt_token_ids: described(z.array(tokenId).optional(), "The prompt's tokens, when asked for.", [9, 12]),
});

const exampleUsage = { prompt_tokens: 10, completion_tokens: 35, total_tokens: 45 };

export const usage = z
  .object({
    prompt_tokens: count("Tokens of all prompts.", 10),
    completion_tokens: count("Tokens of all completions, the end token included.", 35),
    total_tokens: count("Both together.", 45),
  })
  .meta({
    id: "Usage",
    description: "What OpenAI counts. The cost of power is in `power`.",
    examples: [exampleUsage],
  });

/** @param example begins as the endpoint's ids do */
export const answerId = (example: string) =>
  described(z.string(), "The answer's own: no other has it, and all chunks of a stream do.", example);

const exampleId = "cmpl-0f8e2c5d9b7a4e31a6d4c2b1f0e9d8c7";
export const completionId = answerId(exampleId);

/** What an answer of either endpoint holds where nothing further is asked for. */
export const exampleAnswer = {
  created: 1_764_000_000,
  model: "abacus",
  usage: exampleUsage,
};

/** What answers of both endpoints begin with. */
export const answerFields = {
  created: described(z.number().int(), "Unix time, seconds.", 1_764_000_000),
  model: described(z.string(), "The model's name as the request wrote it.", "abacus"),
  logprobs_mode: statedLogprobsMode,
  ignored: described(
    z.array(z.string()).optional(),
    "Fields of the request that had no effect: those that mean nothing to a sampler which the model's name or the server chose, and those that nothing is offered for. Absent where there are none.",
    ["temperature", "top_p"],
  ),
  reproducibility: described(
    z.literal("approximate").optional(),
    "Stated where log-probs do not repeat: the model rounds activations to 8 bits, by which those of the same tokens differ by tenths of a nat with what else runs and what is cached, so that the same seed may give another completion. Absent where they repeat but for the rounding of sums.",
    "approximate",
  ),
  mixing: described(
    z.array(promptMixing).optional(),
    "power with several chains of a prompt: whether they agree, one entry for each prompt. In a stream it comes with the last chain's finish.",
    [{ prompt: 0, chains: 8, unmixed_chains: 0, split_r_hat: 1.04, warning: null }],
  ),
  selected: described(
    z.array(selected).optional(),
    "Where best_of is more than n: how the choices were chosen, one entry for each prompt. They are no draws from the sampler's law. In a stream it comes before the choices that it is about.",
    [],
  ),
  votes: described(
    z.array(votes).optional(),
    "With select `vote`: who voted for what, one entry for each prompt. In a stream, after each candidate that has ended, as it then stands.",
    [],
  ),
};

const exampleCompletion = { ...exampleChoice, text: exampleWorking };

export const completionResponse = z
  .object({
    id: completionId,
    ...answerFields,
    object: described(z.literal("text_completion"), "The kind of object.", "text_completion"),
    choices: described(z.array(completionChoice), "`n` completions of each prompt.", [exampleCompletion]),
    usage: usage.optional(),
  })
  .meta({
    id: "CompletionResponse",
    examples: [{ id: exampleId, object: "text_completion", choices: [exampleCompletion], ...exampleAnswer }],
  });

export type CompletionChoice = z.output<typeof completionChoice>;
export type CompletionResponse = z.output<typeof completionResponse>;
export type LegacyLogprobs = z.output<typeof legacyLogprobs>;
export type PromptMixing = z.output<typeof promptMixing>;
export type Usage = z.output<typeof usage>;
