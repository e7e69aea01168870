import { z } from "zod";
import { logprobsModes } from "../../core/distribution.ts";
import { generationFields, refused, tokenId } from "./fields.ts";

const prompt = z.union(
  [
    z.string(),
    z.array(z.string()).min(1).max(1024),
    z.array(tokenId).min(1),
    z.array(z.array(tokenId).min(1)).min(1).max(1024),
  ],
  {
    error:
      "prompt must be a string, a list of strings, a list of token ids, or a list of such lists, none of them empty",
  },
);

export const completionRequest = z
  .strictObject({
    prompt: prompt.meta({
      description:
        "What to continue: text, a list of texts, token ids, or a list of token id lists. Token ids are taken as they are.",
      examples: ["7-2*3+4="],
    }),
    ...generationFields,
    best_of: z
      .number()
      .int()
      .min(1)
      .max(128)
      .nullish()
      .meta({
        description: "Generate this many completions per prompt and return the n likeliest. Not with stream.",
        examples: [1],
      }),
    suffix: refused("suffix", [""]),
    echo: z
      .boolean()
      .nullish()
      .meta({
        description: "Put the prompt before the completion, in text and logprobs.",
        examples: [false],
      }),
    logprobs: z
      .number()
      .int()
      .min(0)
      .max(100)
      .nullish()
      .meta({
        description:
          "Report the log-prob of each token, and those of this many of the likeliest ones beside it.",
        examples: [1],
      }),
  })
  .meta({ id: "CompletionRequest" });

export type CompletionRequest = z.output<typeof completionRequest>;

export const statedLogprobsMode = z
  .enum(logprobsModes)
  .optional()
  .meta({ description: "Whose log-probs these are; present together with them." });

const legacyLogprobs = z
  .object({
    tokens: z.array(z.string()),
    token_logprobs: z.array(z.number().nullable()),
    top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
    text_offset: z.array(z.number().int()),
  })
  .meta({ id: "CompletionLogprobs" });

export const powerReport = z
  .object({
    alpha: z.number(),
    logprob: z.number().meta({ description: "Σ log p of the completion under the model, nats." }),
    steps: z.number().int(),
    accepted: z.number().int(),
    rejected: z.number().int(),
    rejected_early: z
      .number()
      .int()
      .meta({ description: "Dropped before they were complete; the chain is the same." }),
    unchanged: z.number().int().meta({ description: "Proposals that were the current completion again." }),
    first_token_changes: z
      .number()
      .int()
      .meta({ description: "Steps after which the first token was another one: a sign of mixing." }),
    drawn_tokens: z.number().int().meta({
      description: "Tokens drawn for draft and proposals, those answered from the memo included.",
    }),
    evaluated_tokens: z.number().int().meta({ description: "Model evaluations, discarded ones included." }),
    blocks: z.number().int(),
    budget_exhausted: z.boolean(),
  })
  .meta({
    id: "PowerReport",
    description:
      "How the chain went. The kernel leaves p^alpha invariant; finite steps give a warm-started chain.",
  });

const finishReason = z.enum(["stop", "length"]);

const completionChoice = z.object({
  index: z.number().int(),
  text: z.string(),
  logprobs: legacyLogprobs.nullable(),
  finish_reason: finishReason.nullable(),
  stop_reason: z
    .union([z.string(), z.number().int()])
    .nullable()
    .meta({ description: "The stop string or stop token that was met; null for the model's own end." }),
  token_ids: z.array(tokenId).optional(),
  prompt_token_ids: z.array(tokenId).optional(),
  entropy: z
    .array(z.number())
    .optional()
    .meta({ description: "Of the raw next-token distribution at each generated token, nats." }),
  mean_entropy: z
    .number()
    .optional()
    .meta({ description: "Mean of `entropy` over the generated tokens, nats." }),
  power: powerReport.optional(),
});

export const usage = z
  .object({
    prompt_tokens: z.number().int(),
    completion_tokens: z.number().int(),
    total_tokens: z.number().int(),
  })
  .meta({ id: "Usage" });

export const completionResponse = z
  .object({
    id: z.string(),
    object: z.literal("text_completion"),
    created: z.number().int().meta({ description: "Unix time, seconds." }),
    model: z.string(),
    logprobs_mode: statedLogprobsMode,
    choices: z.array(completionChoice),
    usage: usage.optional(),
  })
  .meta({ id: "CompletionResponse" });

export type CompletionChoice = z.output<typeof completionChoice>;
export type CompletionResponse = z.output<typeof completionResponse>;
export type LegacyLogprobs = z.output<typeof legacyLogprobs>;
export type PowerReportBody = z.output<typeof powerReport>;
export type Usage = z.output<typeof usage>;
