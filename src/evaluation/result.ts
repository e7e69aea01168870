import { z } from "zod";

const sample = z.object({
  text: z.string(),
  answer: z.string(),
  /** Whether no answer was found in the text, which then stands in its place; absent in older files. */
  isUnanswered: z.boolean().optional(),
  isCorrect: z.boolean(),
  /** Null where the server does not count. */
  tokens: z.number().int().nullable(),
  /** Model evaluations paid for, discarded ones included; null where the server does not count. */
  evaluatedTokens: z.number().nullable(),
  /**
   * What the answer would cost without a memo: tokens of all drafts and proposals; null where the server does not
   * count.
   */
  drawnTokens: z.number().int().nullable(),
  /** Those among them that were remembered; absent or null where the server does not count. */
  rememberedTokens: z.number().int().nullish(),
  finish: z.string().nullable(),
  /** Under the base, or under the model that answered; null where neither is known. */
  likelihood: z
    .object({
      tokens: z.number().int(),
      /** JSON has no −∞, of what the base could never have written, and writes null in its place. */
      logprob: z
        .number()
        .nullable()
        .transform((logprob) => logprob ?? -Infinity),
      meanEntropy: z.number().nullable(),
      /** Where meanEntropy is a lower bound: the upper one. */
      meanEntropyUpper: z.number().optional(),
      /** Of the model that answered, nats (arXiv 2502.18581); absent where it is not told. */
      selfCertainty: z.number().optional(),
    })
    .nullable(),
  /** Of sampler exact: whether it is an exact draw or a chain's answer, and the proposals it took. */
  exact: z.object({ isExact: z.boolean(), tries: z.number().int() }).optional(),
  chain: z
    .object({
      steps: z.number().int(),
      /** Proposals accepted, those that changed nothing included. */
      accepted: z.number().int(),
      /** Those among them that changed the completion; absent where an older run did not tell them apart. */
      moved: z.number().int().optional(),
      firstTokenChanges: z.number().int(),
      /** Whether it reads as unmixed. */
      isUnmixed: z.boolean(),
    })
    .optional(),
});

export const resultSchema = z.object({
  model: z.string(),
  /** Where the model was: a folder, an id or an address. */
  source: z.string(),
  configuration: z.string(),
  fields: z.record(z.string(), z.union([z.number(), z.string()])),
  id: z.string(),
  seed: z.number().int(),
  /** That the request took, waiting for others included. */
  seconds: z.number(),
  /** Its share of the time that passed: see `SharedClock`; absent in older files. */
  sharedSeconds: z.number().optional(),
  /** When it was answered (ISO 8601), and by which version it was asked; absent in older files. */
  at: z.string().optional(),
  version: z.string().optional(),
  /** Split R-hat of the item's chains; null where it says nothing, absent for a lone chain and no chain. */
  splitRHat: z.number().nullish(),
  samples: z.array(sample).min(1),
});

export type Sample = z.output<typeof sample>;
/** All samples of one item by one model in one configuration. */
export type Result = z.output<typeof resultSchema>;

/** Which question, model and configuration a result answers: a file counts one of each. */
export const keyOf = ({ model, configuration, id }: Pick<Result, "model" | "configuration" | "id">): string =>
  JSON.stringify([model, configuration, id]);
