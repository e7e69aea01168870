import type { ServerResponse } from "node:http";
import { z } from "zod";
import type { TokenId, TokenIds } from "../../../src/core/tokens.ts";
import { FakeServer, send } from "./fake-server.ts";
import type { FakeDraw, FakeFaults, FakeModel, FakeSampling, SeenCall } from "./fake-server.ts";

export interface FakeVllmOptions {
  /** `--logprobs-mode`. */
  readonly logprobsMode?: "raw_logprobs" | "processed_logprobs" | "raw_logits" | "biased_logprobs";
  /** `--max-logprobs`; −1 for the vocabulary. */
  readonly maxLogprobs?: number;
  /** Whether /inference/v1/generate is open: `--enable-scale-out`. */
  readonly isScaleOut?: boolean;
  /** What the model's generation_config.json has for fields that a call leaves out. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Replaces what a call says, as a lossy proxy would. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** Repeats the token itself among the likeliest. */
  readonly duplicates?: boolean;
  /** Tokens in one message. */
  readonly interval?: number;
  /** Tells tokens of the prompt that were cached. */
  readonly cachedTokens?: number;
  /** By how much log-probs of a prompt's pass differ from those of decoding, nats. */
  readonly noise?: number;
  /** Leaves the token that a text ends with untold. */
  readonly forgetsEnds?: boolean;
  /** Draws by a generator of its own. */
  readonly ignoresSeeds?: boolean;
}

const paramsSchema = z.looseObject({
  temperature: z.number().min(0).max(2).default(1),
  top_k: z.number().int().default(0),
  top_p: z.number().default(1),
  min_p: z.number().default(0),
  repetition_penalty: z.number().default(1),
  frequency_penalty: z.number().default(0),
  presence_penalty: z.number().default(0),
  logit_bias: z.record(z.string(), z.number()).nullish(),
  seed: z.number().int().nullish(),
  max_tokens: z.number().int().min(1).default(16),
  stop_token_ids: z.array(z.number().int()).default([]),
  ignore_eos: z.boolean().default(false),
  logprobs: z.number().int().nullish(),
  prompt_logprobs: z.number().int().nullish(),
});
type Params = z.infer<typeof paramsSchema>;

class Refused extends Error {}

/** vLLM's HTTP interface over an enumerable model. */
export class FakeVllm extends FakeServer {
  options: FakeVllmOptions;
  #drawn = 0;

  constructor(model: FakeModel, options: FakeVllmOptions = {}, faults: FakeFaults = {}) {
    super(model, faults);
    this.options = options;
  }

  protected override error(status: number, message: string): object {
    return { error: { message, type: "BadRequestError", param: null, code: status } };
  }

  protected override route(method: string, path: string) {
    switch (`${method} ${path}`) {
      case "GET /v1/models":
        return async (_call: SeenCall, response: ServerResponse): Promise<void> => {
          const { name, contextLength } = this.model;
          const created = Math.floor(Date.now() / 1000);
          const card = { id: name, object: "model", created, root: name, max_model_len: contextLength };
          send(response, 200, { object: "list", data: [card] });
        };
      case "GET /version":
        return async (_call: SeenCall, response: ServerResponse): Promise<void> => {
          send(response, 200, { version: "0.0.0+fake" });
        };
      case "GET /metrics":
        return async (_call: SeenCall, response: ServerResponse): Promise<void> => {
          // This very call is not counted.
          response.end(`vllm:num_requests_running{engine="0",model_name="m"} ${this.running - 1}.0\n`);
        };
      case "POST /tokenize":
        return async ({ body }: SeenCall, response: ServerResponse): Promise<void> => {
          const tokens = await this.tokenize(z.string().parse(body.prompt));
          send(response, 200, { count: tokens.length, tokens, max_model_len: this.model.contextLength });
        };
      case "POST /v1/completions":
        return (call: SeenCall, response: ServerResponse) =>
          this.#refusing(response, () => this.#complete(call, response));
      case "POST /inference/v1/generate":
        return (call: SeenCall, response: ServerResponse) =>
          this.#refusing(response, () => this.#generate(call, response));
      default:
        return undefined;
    }
  }

  async #refusing(response: ServerResponse, answer: () => Promise<void>): Promise<void> {
    try {
      await answer();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      send(response, 400, this.error(400, error.message));
    }
  }

  #params(given: object): Params {
    const settled = { ...this.options.defaults, ...given, ...this.options.overrides };
    const { data, error } = paramsSchema.safeParse(settled);
    if (error !== undefined) throw new Refused(z.prettifyError(error));
    const { maxLogprobs = 20 } = this.options;
    const most = maxLogprobs === -1 ? this.model.vocabularySize : maxLogprobs;
    for (const asked of [data.logprobs ?? 0, data.prompt_logprobs ?? 0]) {
      if (asked > most)
        throw new Refused(
          `Requested sample logprobs of ${asked}, which is greater than max allowed: ${most}`,
        );
      if (asked > this.model.vocabularySize) throw new Error("selected index k out of range");
    }
    return data;
  }

  #check(model: unknown, prompt: TokenIds, { max_tokens: maxTokens }: Params): void {
    if (this.faults.isBroken?.(prompt) === true) throw new Error("EngineCore encountered an issue");
    const { name, contextLength, vocabularySize } = this.model;
    if (model !== undefined && model !== name)
      throw new Refused(`The model ${JSON.stringify(model)} does not exist.`);
    if (prompt.length + maxTokens > contextLength)
      throw new Refused(`This model's maximum context length is ${contextLength} tokens.`);
    if (prompt.some((token) => token >= vocabularySize)) throw new Refused("Token id is out of vocabulary");
  }

  async #complete(call: SeenCall, response: ServerResponse): Promise<void> {
    const { model, prompt, stream } = call.body;
    const prefix = z.array(z.number()).parse(prompt);
    const params = this.#params(call.body);
    this.#check(model, prefix, params);
    if (stream !== true) {
      await this.#score(call, prefix, { params, response });
      return;
    }
    const write = (drawn: readonly Drawn[], reason: string | null): object => ({
      object: "text_completion",
      model: this.model.name,
      choices: [
        {
          index: 0,
          text: "",
          token_ids: drawn.map(({ token }) => token),
          logprobs: {
            tokens: drawn.map(({ token }) => `token_id:${token}`),
            token_logprobs: drawn.map(({ logprob }) => logprob),
            top_logprobs: drawn.map(({ entries }) =>
              Object.fromEntries(entries.map(({ id, logprob }) => [`token_id:${id}`, logprob])),
            ),
          },
          finish_reason: reason,
        },
      ],
    });
    await this.#stream(call, prefix, { params, response, write });
  }

  async #generate(call: SeenCall, response: ServerResponse): Promise<void> {
    if (this.options.isScaleOut !== true) {
      send(response, 403, this.error(403, "Start the server with --enable-scale-out"));
      return;
    }
    const { model, token_ids: ids, sampling_params: given, stream } = call.body;
    const prefix = z.array(z.number()).parse(ids);
    const params = this.#params(z.looseObject({}).parse(given));
    this.#check(model, prefix, params);
    if (stream !== true) {
      send(response, 200, { choices: [{ index: 0, token_ids: [0], finish_reason: "length" }] });
      return;
    }
    const write = (drawn: readonly Drawn[], reason: string | null): object => ({
      request_id: "fake",
      choices: [
        {
          index: 0,
          token_ids: drawn.map(({ token }) => token),
          logprobs: {
            content: drawn.map(({ token, logprob, rank, entries }) => ({
              token_id: token,
              logprob,
              rank,
              // The token itself stands first, in the place of the last where it is not among them.
              top_logprobs: entries
                .slice(0, Math.max(1, params.logprobs ?? 0))
                .map(({ id, logprob }) => ({ token_id: id, logprob })),
            })),
          },
          finish_reason: reason,
        },
      ],
    });
    await this.#stream(call, prefix, { params, response, write });
  }

  async #stream(
    call: SeenCall,
    prefix: TokenIds,
    {
      params,
      response,
      write,
    }: {
      readonly params: Params;
      readonly response: ServerResponse;
      readonly write: (drawn: readonly Drawn[], reason: string | null) => object;
    },
  ): Promise<void> {
    const sampling = samplingOf(params, prefix.length);
    const tokens = [...prefix];
    const { interval = 1, cachedTokens, forgetsEnds = false } = this.options;
    let waiting: Drawn[] = [];
    const say = (said: object): void => {
      response.write(`data: ${JSON.stringify(said)}\n\n`);
    };
    for (let count = 0; count < params.max_tokens; count++) {
      if (!(await this.pass(call))) return;
      if (!response.headersSent)
        response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
      if (this.cuts(call, response)) return;
      const drawn = this.draw(tokens, sampling, this.#seedOf(params));
      const isEnd = params.stop_token_ids.includes(drawn.token);
      if (!(isEnd && forgetsEnds))
        waiting.push(this.#report(call, tokens, { drawn, count: params.logprobs ?? 0 }));
      tokens.push(drawn.token);
      call.drawn++;
      const isOver = isEnd || count === params.max_tokens - 1;
      if (waiting.length < interval && !isOver) continue;
      say(write(waiting, isOver ? (isEnd ? "stop" : "length") : null));
      waiting = [];
      if (isOver) break;
    }
    const details =
      cachedTokens === undefined ? {} : { prompt_tokens_details: { cached_tokens: cachedTokens } };
    say({ choices: [], usage: { prompt_tokens: prefix.length, completion_tokens: call.drawn, ...details } });
    response.end("data: [DONE]\n\n");
  }

  #seedOf({ seed }: Params): number {
    return this.options.ignoresSeeds === true ? this.#drawn++ : (seed ?? 0);
  }

  #report(
    call: SeenCall,
    prefix: TokenIds,
    { drawn: { token, ...laws }, count }: { readonly drawn: FakeDraw; readonly count: number },
  ): Drawn {
    const law = this.#reported(prefix, laws);
    const order = law.map((_, id) => id).sort((a, b) => law[b]! - law[a]! || a - b);
    const ids = [token, ...order.slice(0, count).filter((id) => id !== token)];
    if (this.options.duplicates === true) ids.push(token);
    const written = (id: TokenId): number | null | string => {
      const logprob = law[id]!;
      return this.written(call, prefix, Math.max(logprob, -9999));
    };
    return {
      token,
      logprob: written(token),
      rank: order.indexOf(token) + 1,
      entries: ids.map((id) => ({ id, logprob: written(id) })),
    };
  }

  #reported(prefix: TokenIds, { raw, adjusted, sampled }: Omit<FakeDraw, "token">): readonly number[] {
    switch (this.options.logprobsMode) {
      case "processed_logprobs":
        return sampled;
      case "raw_logits":
        return [...this.model.logits(prefix)];
      case "biased_logprobs":
        return adjusted;
      default:
        return raw;
    }
  }

  async #score(
    call: SeenCall,
    prompt: TokenIds,
    { params, response }: { readonly params: Params; readonly response: ServerResponse },
  ): Promise<void> {
    if (!(await this.pass(call))) return;
    const count = params.prompt_logprobs ?? 0;
    const { noise = 0 } = this.options;
    const scores = prompt.map((token, position) => {
      if (position === 0) return null;
      const prefix = prompt.slice(0, position);
      const { raw } = this.draw(prefix, samplingOf(params, prompt.length), 0);
      const order = raw.map((_, id) => id).sort((a, b) => raw[b]! - raw[a]! || a - b);
      const ids = new Set([token, ...order.slice(0, count)]);
      return Object.fromEntries(
        [...ids].map((id) => [
          id,
          { logprob: this.written(call, prefix, raw[id]! - noise), rank: order.indexOf(id) + 1 },
        ]),
      );
    });
    send(response, 200, {
      choices: [{ index: 0, text: "", finish_reason: "length", prompt_logprobs: scores }],
      usage: { prompt_tokens: prompt.length, completion_tokens: 1 },
    });
  }
}

interface Drawn {
  readonly token: TokenId;
  readonly logprob: number | null | string;
  readonly rank: number;
  /** The token itself, then the likeliest. */
  readonly entries: readonly { readonly id: TokenId; readonly logprob: number | null | string }[];
}

const samplingOf = (params: Params, promptLength: number): FakeSampling => ({
  temperature: params.temperature === 0 ? 0 : Math.max(0.01, params.temperature),
  topK: Math.max(0, params.top_k),
  topP: params.top_p,
  minP: params.min_p,
  adjustments: {
    bias: new Map(
      Object.entries(params.logit_bias ?? {}).map(([id, bias]) => [
        Number(id),
        Math.min(100, Math.max(-100, bias)),
      ]),
    ),
    repetitionPenalty: params.repetition_penalty,
    frequencyPenalty: params.frequency_penalty,
    presencePenalty: params.presence_penalty,
    promptLength,
  },
});
