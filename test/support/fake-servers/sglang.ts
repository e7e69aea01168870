import type { ServerResponse } from "node:http";
import { z } from "zod";
import type { TokenId, TokenIds } from "../../../src/core/tokens.ts";
import { adjustLogits } from "../../../src/sampling/logit-adjustments.ts";
import { logSoftmax } from "../toy-model.ts";
import { FakeServer, send } from "./fake-server.ts";
import type { FakeFaults, FakeModel, FakeSampling, SeenCall } from "./fake-server.ts";

export interface FakeSglangOptions {
  /** SGLANG_RETURN_ORIGINAL_LOGPROB: log p after logit_bias in place of log q. */
  readonly isOriginal?: boolean;
  /** --enable-deterministic-inference: sampling_seed counts. */
  readonly isDeterministic?: boolean;
  /** --incremental-streaming-output: each token is told once. */
  readonly isIncremental?: boolean;
  /** Tokens in one message. */
  readonly interval?: number;
  /** The model's own end token. */
  readonly endToken?: TokenId;
  /** What calls are given that leave it out. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Replaces what a call says, as a lossy proxy would. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** Most likely tokens that it tells at most. */
  readonly mostTop?: number;
  /** Repeats the token itself among the likeliest. */
  readonly duplicates?: boolean;
  /** Of what it says of itself. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly weightVersion?: string;
  /** Gives so many calls up after as many tokens. */
  readonly givesUp?: { readonly after: number; readonly status?: number };
}

const paramsSchema = z.strictObject({
  n: z.number().int().default(1),
  temperature: z.number().min(0).default(1),
  top_k: z.number().int().default(-1),
  top_p: z.number().gt(0).default(1),
  min_p: z.number().default(0),
  repetition_penalty: z.number().default(1),
  frequency_penalty: z.number().default(0),
  presence_penalty: z.number().default(0),
  logit_bias: z.record(z.string(), z.number()).nullish(),
  max_new_tokens: z.number().int().min(0).default(128),
  min_new_tokens: z.number().int().default(0),
  stop: z.array(z.string()).default([]),
  stop_token_ids: z.array(z.number().int()).default([]),
  ignore_eos: z.boolean().default(false),
  skip_special_tokens: z.boolean().default(true),
  sampling_seed: z.number().int().default(42),
});
type Params = z.infer<typeof paramsSchema>;

const callSchema = z.looseObject({
  input_ids: z.array(z.number().int()),
  sampling_params: z.looseObject({}).default({}),
  top_logprobs_num: z.number().int().default(0),
  logprob_start_len: z.number().int().default(-1),
  stream: z.boolean().default(false),
});

type Entry = readonly [logprob: number | null | string, id: TokenId, text: null];
interface Told {
  readonly own: Entry;
  readonly top: readonly Entry[];
}

/** SGLang's HTTP interface over an enumerable model. */
export class FakeSglang extends FakeServer {
  options: FakeSglangOptions;
  /** Of a server whose seeds do not count. */
  #draws = 0;

  constructor(model: FakeModel, options: FakeSglangOptions = {}, faults: FakeFaults = {}) {
    super(model, faults);
    this.options = options;
  }

  protected override error(_status: number, message: string): object {
    return { error: { message } };
  }

  protected override route(method: string, path: string) {
    const answers = (body: () => object) => async (_call: SeenCall, response: ServerResponse) => {
      send(response, 200, body());
    };
    const { name, contextLength } = this.model;
    const { weightVersion = "default", settings = {} } = this.options;
    switch (`${method} ${path}`) {
      case "GET /v1/models":
        return answers(() => ({
          data: [{ id: name, owned_by: "sglang", root: name, max_model_len: contextLength }],
        }));
      case "GET /model_info":
        return answers(() => ({ model_path: `/models/${name}`, weight_version: weightVersion }));
      case "GET /server_info":
        return answers(() => ({ version: "0.0.0+fake", speculative_algorithm: null, ...settings }));
      case "GET /v1/loads":
        // This very call is not counted.
        return answers(() => ({ loads: [{ num_running_reqs: this.running - 1, num_waiting_reqs: 0 }] }));
      case "POST /tokenize":
        return async ({ body }: SeenCall, response: ServerResponse): Promise<void> => {
          send(response, 200, { tokens: await this.tokenize(z.string().parse(body.prompt)) });
        };
      case "POST /generate":
        return (call: SeenCall, response: ServerResponse) => this.#generate(call, response);
      default:
        return undefined;
    }
  }

  async #generate(call: SeenCall, response: ServerResponse): Promise<void> {
    const {
      input_ids: prompt,
      sampling_params: given,
      top_logprobs_num: count,
      ...asked
    } = callSchema.parse(call.body);
    const { defaults, overrides } = this.options;
    const { data: params, error } = paramsSchema.safeParse({ ...defaults, ...given, ...overrides });
    const fault = params === undefined ? z.prettifyError(error) : this.#faultOf(prompt, params);
    if (params === undefined || fault !== undefined) {
      send(response, 400, this.error(400, fault ?? ""));
      return;
    }
    const ids = [...prompt, ...Object.keys(params.logit_bias ?? {}).map(Number)];
    if (ids.some((id) => id >= this.model.vocabularySize)) {
      // It ends the server.
      await this.stop();
      return;
    }
    if (this.faults.isBroken?.(prompt) === true) throw new Error("out of memory");
    if (asked.stream) await this.#stream(call, prompt, { params, count, response });
    else await this.#score(call, prompt, { count, start: asked.logprob_start_len, response });
  }

  #faultOf(prompt: TokenIds, { max_new_tokens: maxTokens }: Params): string | undefined {
    const { contextLength } = this.model;
    if (prompt.length === 0) return "input_ids cannot be empty.";
    const longest = contextLength - 6;
    if (prompt.length >= longest)
      return `Input length (${prompt.length} tokens) exceeds the maximum allowed length (${longest} tokens).`;
    if (prompt.length + maxTokens > contextLength)
      return `Requested token count exceeds the model's maximum context length of ${contextLength} tokens.`;
    return undefined;
  }

  async #stream(
    call: SeenCall,
    prompt: TokenIds,
    {
      params,
      count,
      response,
    }: { readonly params: Params; readonly count: number; readonly response: ServerResponse },
  ): Promise<void> {
    const { isOriginal, isDeterministic, isIncremental, interval = 1, endToken, givesUp } = this.options;
    const sampling = samplingOf(params);
    const tokens = [...prompt];
    const told: Told[] = [];
    let before = 0;
    const say = (finish: object | null): void => {
      const drawn = tokens.slice(prompt.length);
      const from = isIncremental === true ? before : 0;
      const meta = {
        finish_reason: finish,
        prompt_tokens: prompt.length,
        completion_tokens: drawn.length,
        weight_version: this.options.weightVersion ?? "default",
        cached_tokens: prompt.length - 1,
        output_token_logprobs: told.slice(from).map(({ own }) => own),
        output_top_logprobs: count === 0 ? null : told.slice(from).map(({ top }) => top),
      };
      const said = { text: "", output_ids: drawn.slice(from), meta_info: meta };
      response.write(`data: ${JSON.stringify(said)}\n\n`);
      before = drawn.length;
    };
    const mayEnd = !params.ignore_eos;
    for (let left = params.max_new_tokens; ; left--) {
      if (!(await this.pass(call))) return;
      if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
      if (this.cuts(call, response)) return;
      if (givesUp !== undefined && call.drawn >= givesUp.after) {
        say({ type: "abort", message: "Aborted", status_code: givesUp.status ?? null });
        break;
      }
      const seed = isDeterministic === true ? params.sampling_seed : this.#draws++;
      const { token } = this.draw(tokens, sampling, seed);
      // Truncation leaves no trace in what it reports.
      const law = isOriginal === true ? this.#biased(tokens, sampling) : this.#tempered(tokens, sampling);
      told.push(this.#tell(call, tokens, { token, law, count }));
      tokens.push(token);
      call.drawn++;
      const isEnd = mayEnd && (token === endToken || params.stop_token_ids.includes(token));
      const isOver = isEnd || left <= 1;
      if (tokens.length - prompt.length - before < interval && !isOver) continue;
      say(isEnd ? { type: "stop", matched: token } : isOver ? { type: "length", length: call.drawn } : null);
      if (isOver) break;
    }
    response.end("data: [DONE]\n\n");
  }

  async #score(
    call: SeenCall,
    prompt: TokenIds,
    {
      count,
      start,
      response,
    }: { readonly count: number; readonly start: number; readonly response: ServerResponse },
  ): Promise<void> {
    if (!(await this.pass(call))) return;
    const own: Entry[] = [];
    const top: (readonly Entry[] | null)[] = [];
    for (let position = Math.max(0, start); position < prompt.length; position++) {
      const token = prompt[position]!;
      const prefix = prompt.slice(0, position);
      if (own.length === 0) {
        own.push([null, token, null]);
        top.push(null);
        continue;
      }
      const law = logSoftmax(this.model.logits(prefix));
      const told = this.#tell(call, prefix, { token, law, count });
      // The last of the vocabulary is told as 0.
      const id = token >= this.model.vocabularySize - 1 ? 0 : token;
      own.push([told.own[0], id, null]);
      top.push(told.top);
    }
    const meta = {
      finish_reason: { type: "length", length: 0 },
      completion_tokens: 0,
      weight_version: this.options.weightVersion ?? "default",
      cached_tokens: Math.max(0, start),
      input_token_logprobs: own,
      input_top_logprobs: count === 0 ? null : top,
    };
    send(response, 200, { text: "", output_ids: [], meta_info: meta });
  }

  #biased(prefix: TokenIds, { adjustments }: FakeSampling): readonly number[] {
    return logSoftmax(adjustLogits(this.model.logits(prefix), adjustments, prefix));
  }

  #tempered(prefix: TokenIds, sampling: FakeSampling): readonly number[] {
    // Greedy tokens come with log p.
    const temperature = sampling.temperature === 0 ? 1 : sampling.temperature;
    return logSoftmax(Float32Array.from(this.#biased(prefix, sampling), (log) => log / temperature));
  }

  #tell(
    call: SeenCall,
    prefix: TokenIds,
    {
      token,
      law,
      count,
    }: { readonly token: TokenId; readonly law: readonly number[]; readonly count: number },
  ): Told {
    const { mostTop = Infinity, duplicates } = this.options;
    const entryOf = (id: TokenId): Entry => [
      this.written(call, prefix, Math.max(law[id]!, -3.4028234663852886e38)),
      id,
      null,
    ];
    const order = law.map((_, id) => id).sort((a, b) => law[b]! - law[a]! || a - b);
    const likeliest = order.slice(0, Math.min(count, mostTop));
    if (duplicates === true) likeliest.push(token);
    return { own: entryOf(token), top: likeliest.map(entryOf) };
  }
}

const samplingOf = (params: Params): FakeSampling => ({
  temperature: params.temperature,
  topK: Math.max(0, params.top_k),
  topP: params.top_p,
  minP: params.min_p,
  adjustments: {
    bias: new Map(Object.entries(params.logit_bias ?? {}).map(([id, bias]) => [Number(id), bias])),
    repetitionPenalty: params.repetition_penalty,
    frequencyPenalty: params.frequency_penalty,
    presencePenalty: params.presence_penalty,
    promptLength: 0,
  },
});
