import type { ServerResponse } from "node:http";
import { z } from "zod";
import type { TokenId, TokenIds } from "../../../src/core/tokens.ts";
import { FakeServer, send } from "./fake-server.ts";
import type { FakeFaults, FakeModel, FakeSampling, SeenCall } from "./fake-server.ts";

export interface FakeLlamaCppOptions {
  /** The model's own end token. */
  readonly endToken?: TokenId;
  /** Tokens that end within a character: withheld until one that does not is drawn. */
  readonly parts?: readonly TokenId[];
  /** Every so many tokens are drafted, and told of as sure: as this version does, or with the likeliest. */
  readonly drafts?: { readonly every: number; readonly form: "nothing" | "zero" | "alone" };
  /** What calls are given that leave it out. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Replaces what a call says, as a lossy proxy would. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** Most likely tokens that it tells at most. */
  readonly mostProbs?: number;
  /** Repeats the token itself among the likeliest. */
  readonly duplicates?: boolean;
  /** Draws by another generator every time. */
  readonly isUnrepeatable?: boolean;
  /** Answers so many requests as one that loads its model. */
  readonly loading?: number;
  readonly slots?: number;
}

const biasSchema = z.union([
  z.array(z.tuple([z.number().int(), z.union([z.number(), z.literal(false)])])),
  z.record(z.string(), z.number()),
]);

/** What llama.cpp takes for what a call leaves out, which truncates. */
const paramsSchema = z.looseObject({
  prompt: z.array(z.number().int()),
  n_predict: z.number().int().default(-1),
  temperature: z.number().default(0.8),
  samplers: z
    .array(z.string())
    .default(["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"]),
  top_k: z.number().int().default(40),
  top_p: z.number().default(0.95),
  min_p: z.number().default(0.05),
  mirostat: z.number().int().default(0),
  dynatemp_range: z.number().default(0),
  repeat_penalty: z.number().default(1),
  repeat_last_n: z.number().int().min(0).default(64),
  frequency_penalty: z.number().default(0),
  presence_penalty: z.number().default(0),
  logit_bias: biasSchema.default([]),
  ignore_eos: z.boolean().default(false),
  seed: z.number().int().default(4_294_967_295),
  n_probs: z.number().int().default(0),
  post_sampling_probs: z.boolean().default(false),
  return_tokens: z.boolean().default(false),
  stream: z.boolean().default(false),
});
type Params = z.infer<typeof paramsSchema>;

/** llama.cpp's HTTP interface over an enumerable model. */
export class FakeLlamaCpp extends FakeServer {
  options: FakeLlamaCppOptions;
  #loading: number;
  /** Of a server that never repeats itself. */
  #draws = 0;

  constructor(model: FakeModel, options: FakeLlamaCppOptions = {}, faults: FakeFaults = {}) {
    super(model, faults);
    this.options = options;
    this.#loading = options.loading ?? 0;
  }

  protected override error(status: number, message: string): object {
    return { error: { code: status, message, type: status === 503 ? "unavailable_error" : "server_error" } };
  }

  protected override route(method: string, path: string) {
    if (this.#loading > 0) {
      this.#loading--;
      return async (_call: SeenCall, response: ServerResponse): Promise<void> => {
        send(response, 503, this.error(503, "Loading model"));
      };
    }
    const answers = (body: () => object) => async (_call: SeenCall, response: ServerResponse) => {
      send(response, 200, body());
    };
    switch (`${method} ${path}`) {
      case "GET /v1/models":
        return answers(() => this.#models());
      case "GET /props":
        return answers(() => this.#properties());
      case "GET /slots":
        return answers(() => this.#slots());
      case "POST /tokenize":
        return async ({ body }: SeenCall, response: ServerResponse): Promise<void> => {
          send(response, 200, { tokens: await this.tokenize(z.string().parse(body.content)) });
        };
      case "POST /completion":
        return (call: SeenCall, response: ServerResponse) => this.#complete(call, response);
      default:
        return undefined;
    }
  }

  #models(): object {
    const { name, vocabularySize, contextLength } = this.model;
    const meta = { n_vocab: vocabularySize, n_ctx: contextLength, n_params: 1000, size: 4000 };
    return { object: "list", data: [{ id: name, aliases: [name], owned_by: "llamacpp", meta }] };
  }

  #properties(): object {
    return {
      default_generation_settings: { params: {}, n_ctx: this.model.contextLength },
      total_slots: this.options.slots ?? 4,
      model_path: `/models/${this.model.name}.gguf`,
      build_info: "b0-fake",
    };
  }

  #slots(): object {
    const { slots = 4, drafts } = this.options;
    // This very call is in no slot.
    const busy = this.running - 1;
    return Array.from({ length: slots }, (_, id) => ({
      id,
      n_ctx: this.model.contextLength,
      speculative: drafts !== undefined,
      is_processing: id < busy,
    }));
  }

  async #complete(call: SeenCall, response: ServerResponse): Promise<void> {
    const { defaults, overrides } = this.options;
    const { data: params, error } = paramsSchema.safeParse({ ...defaults, ...call.body, ...overrides });
    const fault = error === undefined ? this.#faultOf(params) : z.prettifyError(error);
    if (params === undefined || fault !== undefined) {
      send(response, 400, this.error(400, fault ?? ""));
      return;
    }
    if (this.faults.isBroken?.(params.prompt) === true) throw new Error("failed to decode");
    const told = await this.#run(call, { params, response });
    if (told === undefined) return;
    const { tokens, probabilities, stopType } = told;
    const timings = { cache_n: Math.max(0, params.prompt.length - 1), prompt_n: 1 };
    const end = { stop: true, stop_type: stopType, tokens_predicted: call.drawn, timings };
    if (params.stream) response.end(eventOf({ content: "", tokens: [], ...end }));
    else {
      const found = probabilities.length === 0 ? {} : { completion_probabilities: probabilities };
      send(response, 200, { content: "", tokens: params.return_tokens ? tokens : [], ...end, ...found });
    }
  }

  #faultOf({ prompt }: Params): string | undefined {
    const { contextLength, vocabularySize } = this.model;
    if (prompt.length === 0) return '"prompt" must not be empty';
    if (prompt.some((token) => token >= vocabularySize)) return "Prompt contains invalid tokens";
    if (prompt.length >= contextLength)
      return `request (${prompt.length} tokens) exceeds the available context size (${contextLength} tokens)`;
    return undefined;
  }

  /** @returns what a whole answer tells; `undefined` where the client has left, or was cut off */
  async #run(
    call: SeenCall,
    { params, response }: { readonly params: Params; readonly response: ServerResponse },
  ): Promise<{ tokens: TokenIds; probabilities: object[]; stopType: string } | undefined> {
    const { parts = [], endToken, drafts } = this.options;
    const tokens = [...params.prompt];
    const all: { tokens: TokenId[]; probabilities: object[] } = { tokens: [], probabilities: [] };
    const sampling = samplingOf(params, endToken);
    // It cuts a completion to the context, and draws one token at least.
    const room = this.model.contextLength - params.prompt.length;
    const most = params.n_predict < 0 ? room : Math.min(room, Math.max(1, params.n_predict));
    for (let count = 1; ; count++) {
      if (!(await this.pass(call))) return undefined;
      if (params.stream && !response.headersSent) {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(":\n\n");
      }
      if (this.cuts(call, response)) return undefined;
      const seed = this.options.isUnrepeatable === true ? this.#draws++ : params.seed;
      const { token, raw, sampled } = this.draw(tokens, sampling, seed);
      const law = params.post_sampling_probs ? sampled : raw;
      const form = drafts !== undefined && count % drafts.every === 0 ? drafts.form : undefined;
      const told = this.#report(call, tokens, { token, law, count: params.n_probs, form });
      tokens.push(token);
      all.tokens.push(token);
      call.drawn++;
      if (!parts.includes(token)) {
        if (told !== undefined) all.probabilities.push(told);
        const found = told === undefined ? {} : { completion_probabilities: [told] };
        const ids = params.return_tokens ? [token] : [];
        if (params.stream)
          response.write(
            eventOf({ content: "", tokens: ids, stop: false, tokens_predicted: call.drawn, ...found }),
          );
      }
      if (token === endToken) return { ...all, stopType: "eos" };
      if (count === most) return { ...all, stopType: "limit" };
    }
  }

  #report(
    call: SeenCall,
    prefix: TokenIds,
    {
      token,
      law,
      count,
      form,
    }: {
      readonly token: TokenId;
      readonly law: readonly number[];
      readonly count: number;
      readonly form: "nothing" | "zero" | "alone" | undefined;
    },
  ): object | undefined {
    if (count === 0 || form === "nothing") return undefined;
    const { mostProbs = Infinity, duplicates } = this.options;
    const order = law.map((_, id) => id).sort((a, b) => law[b]! - law[a]! || a - b);
    const likeliest = order.slice(0, Math.min(count, mostProbs));
    if (duplicates === true) likeliest.push(token);
    const entryOf = (id: TokenId, logprob: number) => ({
      id,
      token: "",
      bytes: [],
      logprob: this.written(call, prefix, Math.max(logprob, -3.4028234663852886e38)),
    });
    if (form === "alone") return { ...entryOf(token, 0), top_logprobs: [entryOf(token, 0)] };
    return {
      ...entryOf(token, form === "zero" ? 0 : law[token]!),
      top_logprobs: likeliest.map((id) => entryOf(id, law[id]!)),
    };
  }
}

const eventOf = (said: object): string => `data: ${JSON.stringify(said)}\n\n`;

/** Samplers that are not among those of a call do nothing. */
function samplingOf(params: Params, endToken: TokenId | undefined): FakeSampling {
  const has = (name: string): boolean => params.samplers.includes(name);
  const given = Array.isArray(params.logit_bias)
    ? params.logit_bias
    : Object.entries(params.logit_bias).map(([id, bias]) => [Number(id), bias] as const);
  const bias = new Map(given.map(([id, offset]) => [id, offset === false ? -Infinity : offset]));
  if (params.ignore_eos && endToken !== undefined) bias.set(endToken, -Infinity);
  const isPenalized = has("penalties") && params.repeat_last_n > 0;
  return {
    temperature: params.mirostat === 0 && has("temperature") ? params.temperature : 1,
    topK: has("top_k") ? Math.max(0, params.top_k) : 0,
    topP: has("top_p") ? params.top_p : 1,
    minP: has("min_p") ? params.min_p : 0,
    adjustments: {
      bias,
      repetitionPenalty: isPenalized ? params.repeat_penalty : 1,
      frequencyPenalty: isPenalized ? params.frequency_penalty : 0,
      presencePenalty: isPenalized ? params.presence_penalty : 0,
      // It counts the tokens of the prompt too.
      promptLength: 0,
    },
  };
}
