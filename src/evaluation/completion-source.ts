import { z } from "zod";
import { InferenceError } from "../core/errors.ts";
import { findReport, reportShape } from "../samplers/registry.ts";
import type { Reports } from "../samplers/registry.ts";
import type { DataItem } from "./data-set.ts";
import { askServer } from "./server-request.ts";
import type { ServerAddress } from "./server-request.ts";

/** How a chain went. */
const chain = z.looseObject({
  steps: z.number().optional(),
  accepted: z.number().optional(),
  unchanged: z.number().optional(),
  first_token_changes: z.number().optional(),
  mixing_warning: z.string().nullish(),
});

/** What is read of a sampler's report, whichever it is; what a server does not report is not there. */
const report = chain.extend({
  drawn_tokens: z.number(),
  evaluated_tokens: z.number(),
  remembered_tokens: z.number().optional(),
  /** Of sampler exact: whether it is an exact draw, its proposals, and the chain that answered where it is none. */
  exact: z.boolean().optional(),
  tries: z.number().optional(),
  fallback: chain.optional(),
});

const choice = z.object({
  text: z.string().optional(),
  message: z.object({ content: z.string().nullable() }).optional(),
  finish_reason: z.string().nullish(),
  ended_early: z.string().nullish(),
  logprobs: z
    .object({
      token_logprobs: z.array(z.number().nullable()).optional(),
      content: z.array(z.object({ logprob: z.number() })).nullish(),
    })
    .nullish(),
  entropy: z.array(z.number()).optional(),
  entropy_upper: z.array(z.number()).optional(),
  self_certainty: z.number().nullish(),
  token_ids: z.array(z.number().int()).optional(),
  ...Object.fromEntries(Object.keys(reportShape).map((sampler) => [sampler, report.optional()])),
});

const answer = z.object({
  choices: z.array(choice).min(1),
  usage: z.object({ completion_tokens: z.number() }).nullish(),
  mixing: z.array(z.object({ split_r_hat: z.number().nullable() })).optional(),
});

/** A completion with what the model says of it. */
export interface SampledText {
  readonly text: string;
  readonly finish: string | null;
  /** log p of each token, nats; empty where the server reports none. */
  readonly logprobs: readonly number[];
  /** Of the raw next-token distribution at each token, nats; empty where the server reports none. */
  readonly entropies: readonly number[];
  /** Upper bounds of these, which are then lower bounds; undefined where they are exact. */
  readonly upperEntropies?: readonly number[] | undefined;
  /** How far from uniform the next-token distributions were, on average, nats; where the server tells. */
  readonly selfCertainty?: number | undefined;
  /** Where the server reports them. */
  readonly tokenIds: readonly number[] | undefined;
  /** How it came to be and what it took, where the server says. */
  readonly report?: z.output<typeof report> | undefined;
}

/** The answers to a question. */
export interface SampledTexts {
  readonly samples: readonly SampledText[];
  /** Of all of them, where the server counts. */
  readonly tokens: number | undefined;
  /** Of chains beside one another; null where it says nothing. */
  readonly splitRHat: number | null | undefined;
}

export interface SourceOptions extends ServerAddress {
  readonly model: string | undefined;
  /** Whether it is another kind of server, which knows OpenAI's fields alone. */
  readonly isPlain: boolean;
}

/** Times that an overloaded or unreachable server is asked again: for some two minutes. */
const retries = 8;

/** Completions from a server that speaks OpenAI's API. */
export class CompletionSource {
  readonly #options: SourceOptions;
  /** Until it refuses: a model that runs elsewhere does not tell it. */
  #tellsSelfCertainty: boolean;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#tellsSelfCertainty = !options.isPlain;
  }

  /** @throws InferenceError with what the server said */
  async sample(
    { prompt, messages, stop, constraint }: Pick<DataItem, "prompt" | "messages" | "stop" | "constraint">,
    fields: { readonly n: number } & Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<SampledTexts> {
    const { model, isPlain } = this.#options;
    const isChat = prompt === undefined;
    const body = {
      ...(model === undefined ? {} : { model }),
      ...(isChat ? { messages, logprobs: true } : { prompt, logprobs: 0 }),
      ...(isPlain ? {} : { entropy: true, return_token_ids: true, priority: "batch" }),
      ...(stop.length === 0 ? {} : { stop }),
      ...constraint,
      ...fields,
    };
    const path = isChat ? "/v1/chat/completions" : "/v1/completions";
    const json = await this.#ask(path, body, signal);
    const parsed = answer.safeParse(json);
    if (!parsed.success) {
      throw new InferenceError(
        "invalid_request",
        `The server's answer has not OpenAI's shape: ${z.prettifyError(parsed.error)}`,
      );
    }
    const { choices } = parsed.data;
    if (choices.length !== fields.n) {
      throw new InferenceError(
        "invalid_request",
        `The server gave ${choices.length} of ${fields.n} answers. If it knows no n, ask with --n ${choices.length}.`,
      );
    }
    if (choices.some(({ ended_early: ended }) => typeof ended === "string")) {
      throw new InferenceError(
        "engine_failed",
        "The server shut down before it was done with an answer, which is left out. Start the run again: it goes on from here.",
      );
    }
    const samples = choices.map((one) => ({
      text: one.text ?? one.message?.content ?? "",
      finish: one.finish_reason ?? null,
      logprobs: (
        one.logprobs?.token_logprobs ??
        one.logprobs?.content?.map(({ logprob }) => logprob) ??
        []
      ).filter((logprob) => logprob !== null),
      entropies: one.entropy ?? [],
      upperEntropies: one.entropy_upper,
      selfCertainty: one.self_certainty ?? undefined,
      tokenIds: one.token_ids,
      report: findReport(one as Reports)?.body,
    }));
    const { usage, mixing } = parsed.data;
    return { samples, tokens: usage?.completion_tokens, splitRHat: mixing?.[0]?.split_r_hat };
  }

  async #ask(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    const ask = (more: object): Promise<unknown> =>
      askServer(this.#options, path, { body: { ...body, ...more }, signal, retries });
    if (!this.#tellsSelfCertainty) return ask({});
    try {
      return await ask({ self_certainty: true });
    } catch (error) {
      if (!(error instanceof InferenceError && error.param === "self_certainty")) throw error;
      this.#tellsSelfCertainty = false;
      return ask({});
    }
  }
}
