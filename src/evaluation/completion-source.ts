import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { InferenceError } from "../core/errors.ts";
import type { DataItem } from "./data-set.ts";

const choice = z.object({
  text: z.string().optional(),
  message: z.object({ content: z.string().nullable() }).optional(),
  finish_reason: z.string().nullish(),
  logprobs: z
    .object({
      token_logprobs: z.array(z.number().nullable()).optional(),
      content: z.array(z.object({ logprob: z.number() })).nullish(),
    })
    .nullish(),
  entropy: z.array(z.number()).optional(),
  token_ids: z.array(z.number().int()).optional(),
  power: z
    .object({
      steps: z.number(),
      accepted: z.number(),
      unchanged: z.number(),
      first_token_changes: z.number(),
      drawn_tokens: z.number(),
      evaluated_tokens: z.number(),
      mixing_warning: z.string().nullable(),
    })
    .optional(),
  maximize: z.object({ evaluated_tokens: z.number() }).optional(),
  smc: z.object({ evaluated_tokens: z.number() }).optional(),
});

const answer = z.object({
  choices: z.array(choice).min(1),
  usage: z.object({ completion_tokens: z.number() }).nullish(),
});

const failure = z.object({ error: z.object({ message: z.string() }) });

/** A completion with what the model says of it. */
export interface SampledText {
  readonly text: string;
  readonly finish: string | null;
  /** log p of each token, nats; empty where the server reports none. */
  readonly logprobs: readonly number[];
  /** Of the raw next-token distribution at each token, nats; empty where the server reports none. */
  readonly entropies: readonly number[];
  /** Where the server reports them. */
  readonly tokenIds: readonly number[] | undefined;
  readonly power: z.output<typeof choice>["power"];
  /** Model evaluations it took, where the server says; else one for each token. */
  readonly evaluatedTokens?: number | undefined;
}

export interface SourceOptions {
  /** Address of the server, without /v1. */
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly model: string | undefined;
  /** Whether the server is another one, which knows OpenAI's fields alone. */
  readonly isPlain: boolean;
}

/** Times that an overloaded or unreachable server is asked again. */
const retries = 5;

/** Completions from a server that speaks OpenAI's API. */
export class CompletionSource {
  readonly #options: SourceOptions;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  /** @throws InferenceError with what the server said */
  async sample(
    { prompt, messages, stop }: Pick<DataItem, "prompt" | "messages" | "stop">,
    fields: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<{ readonly samples: readonly SampledText[]; readonly tokens: number | undefined }> {
    const { model, isPlain } = this.#options;
    const isChat = prompt === undefined;
    const body = {
      ...(model === undefined ? {} : { model }),
      ...(isChat ? { messages, logprobs: true } : { prompt, logprobs: 0 }),
      ...(isPlain ? {} : { entropy: true, return_token_ids: true, priority: "batch" }),
      ...(stop.length === 0 ? {} : { stop }),
      ...fields,
    };
    const json = await this.#post(isChat ? "/v1/chat/completions" : "/v1/completions", body, signal);
    const parsed = answer.safeParse(json);
    if (!parsed.success) {
      throw new InferenceError(
        "invalid_request",
        `The server's answer has not OpenAI's shape: ${z.prettifyError(parsed.error)}`,
      );
    }
    const samples = parsed.data.choices.map((one) => ({
      text: one.text ?? one.message?.content ?? "",
      finish: one.finish_reason ?? null,
      logprobs: (
        one.logprobs?.token_logprobs ??
        one.logprobs?.content?.map(({ logprob }) => logprob) ??
        []
      ).filter((logprob) => logprob !== null),
      entropies: one.entropy ?? [],
      tokenIds: one.token_ids,
      power: one.power,
      evaluatedTokens: (one.power ?? one.maximize ?? one.smc)?.evaluated_tokens,
    }));
    return { samples, tokens: parsed.data.usage?.completion_tokens };
  }

  async #post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    const { url, apiKey } = this.#options;
    for (let attempt = 0; ; attempt++) {
      let reply: Response;
      try {
        reply = await fetch(url.replace(/\/+$/, "") + path, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
          },
          body: JSON.stringify(body),
          signal,
        });
      } catch (cause) {
        signal.throwIfAborted();
        if (attempt < retries) {
          await sleep(1000 * 2 ** attempt, undefined, { signal });
          continue;
        }
        throw new InferenceError("engine_failed", `${url} does not answer. Is the server running?`, {
          cause,
        });
      }
      if (reply.ok) return reply.json();
      if ((reply.status === 429 || reply.status === 503) && attempt < retries) {
        const seconds = Number(reply.headers.get("retry-after") ?? NaN);
        await sleep(1000 * (Number.isFinite(seconds) ? seconds : 2 ** attempt), undefined, { signal });
        continue;
      }
      const said = failure.safeParse(await reply.json().catch(() => undefined));
      const message = said.success ? said.data.error.message : `status ${reply.status}`;
      throw new InferenceError("invalid_request", `The server refused: ${message}`);
    }
  }
}
