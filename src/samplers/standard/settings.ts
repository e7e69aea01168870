import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import { field } from "../field.ts";
import type { Values } from "../field.ts";
import { tokenReport } from "../report.ts";
import { declareSampler } from "../sampler.ts";
import type { SettingsContext } from "../sampler.ts";

/** Changes of the logits that a request asks for: see `LogitAdjustments`. */
export interface LogitChanges {
  /** By token id. */
  readonly bias: ReadonlyMap<number, number>;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  readonly repetitionPenalty: number;
}

export interface StandardSettings {
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly adjustments?: LogitChanges;
  /** End tokens cannot be drawn before so many tokens. */
  readonly minTokens?: number;
}

/** Below this, temperatures are greedy, as in vLLM: 1/τ would leave nothing of the precision of log-probs. */
const leastTemperature = 1e-5;

const penalty = () => z.number().min(-2).max(2);

const fields = {
  temperature: field(z.number().min(0).max(100), {
    meaning:
      "Softmax temperature; below 0.00001 it is greedy. The other samplers take 0 or 1 and ignore them, since clients send these by default.",
    usual: "1",
    example: 1,
    neutral: [0, 1],
    isSentUnasked: true,
    label: "Temperature",
  }),
  top_p: field(z.number().min(0).max(1), {
    meaning: "Of what min_p and top_k leave, keep the likeliest tokens that together have this share.",
    usual: "1, which keeps everything",
    example: 1,
    neutral: [1],
    isSentUnasked: true,
  }),
  top_k: field(z.number().int().min(-1), {
    meaning: "Keep the k likeliest tokens. 0 and -1 keep everything.",
    usual: "0",
    example: 0,
    neutral: [0, -1],
    isSentUnasked: true,
  }),
  min_p: field(z.number().min(0).max(1), {
    meaning: "Keep tokens with at least this share of the likeliest one's probability.",
    usual: "0",
    example: 0,
    neutral: [0],
    isSentUnasked: true,
  }),
  presence_penalty: field(penalty(), {
    meaning: "Taken off the logit of a token that the completion holds already.",
    usual: "0",
    example: 0,
    neutral: [0],
    isSentUnasked: true,
  }),
  frequency_penalty: field(penalty(), {
    meaning: "Taken off a token's logit for each time the completion holds it.",
    usual: "0",
    example: 0,
    neutral: [0],
    isSentUnasked: true,
  }),
  repetition_penalty: field(z.number().min(0.01, "repetition_penalty must be at least 0.01").max(100), {
    meaning: "Weakens tokens that prompt or completion hold; 1 is off.",
    usual: "1",
    example: 1,
    neutral: [1],
    isSentUnasked: true,
  }),
  logit_bias: field(
    z.record(z.string().regex(/^\d+$/, "logit_bias: keys are token ids"), z.number().min(-100).max(100)),
    {
      meaning: "Added to the logits of the tokens named by id.",
      usual: "none",
      example: { "15": -100 },
    },
  ),
  min_tokens: field(z.number().int().min(0), {
    meaning: "No end token before so many tokens. Not together with stop.",
    usual: "0",
    example: 0,
    neutral: [0],
  }),
};

type Given = Values<typeof fields>;

export const standard = declareSampler({
  label: "Standard",
  summary:
    "token by token, each as likely as the model says, which temperature, top_p, top_k and min_p may change",
  fields,
  report: tokenReport,
  settle(given, context): StandardSettings {
    const { temperature = 1, top_p: topP, top_k: topK = 0, min_p: minP, min_tokens: minTokens = 0 } = given;
    if (minTokens > 0 && context.stop.length > 0) {
      throw new InferenceError(
        "invalid_request",
        "min_tokens cannot be kept together with stop strings. Leave one of them out.",
        { param: "min_tokens" },
      );
    }
    const adjustments = settleAdjustments(given, context);
    return {
      temperature: temperature < leastTemperature ? 0 : temperature,
      ...(topP === undefined ? {} : { topP }),
      ...(topK > 0 ? { topK } : {}),
      ...(minP === undefined ? {} : { minP }),
      ...(minTokens > 0 ? { minTokens } : {}),
      ...(adjustments === undefined ? {} : { adjustments }),
    };
  },
  inverseTemperature: ({ temperature }) => (temperature === 0 ? 1 : 1 / temperature),
  plainFields: (given) => ({ temperature: 1, ...given }),
});

function settleAdjustments(given: Given, { vocabularySize }: SettingsContext): LogitChanges | undefined {
  const bias = new Map(Object.entries(given.logit_bias ?? {}).map(([id, offset]) => [Number(id), offset]));
  const wrong = [...bias.keys()].find((id) => id >= vocabularySize);
  if (wrong !== undefined) {
    throw new InferenceError(
      "invalid_request",
      `Token id ${wrong} is outside the vocabulary (0..${vocabularySize - 1}).`,
      { param: "logit_bias" },
    );
  }
  const {
    presence_penalty: presencePenalty = 0,
    frequency_penalty: frequencyPenalty = 0,
    repetition_penalty: repetitionPenalty = 1,
  } = given;
  const isNeutral = presencePenalty === 0 && frequencyPenalty === 0 && repetitionPenalty === 1;
  if (bias.size === 0 && isNeutral) return undefined;
  return { bias, presencePenalty, frequencyPenalty, repetitionPenalty };
}
