import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import type { TokenId, TokenIds } from "../../core/tokens.ts";
import { readAs } from "./answers.ts";
import { BackOff } from "./back-off.ts";
import type { Connection } from "./connection.ts";
import type { DrawCall, ReportedToken, ScoreCall } from "./dialect.ts";
import { brokenOff, garbage } from "./remote-error.ts";
import { reportToken } from "./reported.ts";

const path = "/completion";

const entrySchema = z.looseObject({ id: z.number().int(), logprob: z.number().nullable() });
const drawnSchema = entrySchema.extend({ top_logprobs: z.array(entrySchema).nullish() });
type Drawn = z.infer<typeof drawnSchema>;

/** Of a stream and of a whole answer. */
const answerSchema = z.looseObject({
  tokens: z.array(z.number().int()),
  stop: z.boolean(),
  /** All that were drawn until now, told or not. */
  tokens_predicted: z.number().int().nullish(),
  completion_probabilities: z.array(drawnSchema).nullish(),
  timings: z.looseObject({ cache_n: z.number().int().nullish() }).nullish(),
});

type Law = Pick<DrawCall, "sampling" | "without" | "prefix" | "maxTokens">;

/** Of the law by which tokens are drawn: whatever is left out, the server has as it was started, or truncates. */
const samplingOf = ({ sampling, without, prefix, maxTokens }: Law): object => {
  const { inverseTemperature, topK = 0, topP = 1, minP = 0, adjustments } = sampling;
  return {
    samplers: ["penalties", "temperature", "min_p", "top_k", "top_p"],
    temperature: 1 / inverseTemperature,
    dynatemp_range: 0,
    top_k: topK,
    top_p: topP,
    min_p: minP,
    top_n_sigma: -1,
    typical_p: 1,
    xtc_probability: 0,
    dry_multiplier: 0,
    mirostat: 0,
    min_keep: 0,
    repeat_penalty: adjustments?.repetitionPenalty ?? 1,
    // All that is read and drawn.
    repeat_last_n: prefix.length + maxTokens,
    frequency_penalty: 0,
    presence_penalty: 0,
    logit_bias: [...(adjustments?.bias ?? []), ...without.map((token) => [token, false])],
    // Its ignore_eos would forbid the end token.
    ignore_eos: false,
    stop: [],
    grammar: "",
    backend_sampling: false,
  };
};

/** What all calls have. */
const usual = {
  n_keep: 0,
  n_indent: 0,
  t_max_predict_ms: 0,
  cache_prompt: true,
  post_sampling_probs: false,
  return_tokens: true,
  response_fields: ["tokens", "stop", "tokens_predicted", "completion_probabilities", "timings"],
};

/** A bias beyond what any logits differ by. */
const surely = 1000;
/** How many of the likeliest are looked through for a token that is not told by itself. */
const widths = [64, 1024, 16_384, 262_144] as const;
/** Tokens in a row that are no whole characters: far more than there are. */
const mostParts = 64;

/** A place in a text, and what a call needs beside it. */
type Place = Pick<ScoreCall, "session" | "topCount" | "onCached"> & { readonly prefix: TokenIds };

/** A stream that has drawn more than it tells. */
interface WithholdingStream {
  /** What was asked. */
  readonly body: object;
  readonly call: DrawCall;
  readonly told: TokenIds;
  /** How many it has drawn. */
  readonly predicted: number;
}

/**
 * llama.cpp's /completion. It withholds tokens that end within a character of UTF-8 until the character is whole, and
 * tells neither their ids nor their log-probs in a stream: only their number shows. Such a call is asked again as a
 * whole, with the same seed, which tells the ids; their log-probs are those that stand beside another token.
 */
export class LlamaCppCompletions {
  /** A token that is told by itself. */
  #whole: TokenId | undefined;

  async *draw(
    server: Connection,
    call: DrawCall,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ReportedToken[], void, undefined> {
    const { prefix, maxTokens, seed, session, topCount, onCached } = call;
    const body = { ...usual, ...samplingOf(call), prompt: prefix, n_predict: maxTokens, seed };
    const messages = server.stream(path, { ...body, n_probs: topCount, stream: true }, { signal, session });
    const told: TokenId[] = [];
    const isEnded = (): boolean => told.length > 0 && call.endTokens.includes(told.at(-1)!);
    let isThrough = false;
    let predicted = 0;
    for await (const said of messages) {
      const { tokens, stop, completion_probabilities: drawn, ...rest } = readAs(answerSchema, said);
      // The server ends by its model's own end tokens alone.
      if (isEnded() && tokens.length > 0) return;
      predicted = rest.tokens_predicted ?? told.length + tokens.length;
      if (predicted > told.length + tokens.length && !isEnded()) break;
      if (tokens.length > 0) {
        yield tokensOf(tokens, drawn ?? [], topCount);
        told.push(...tokens);
      }
      isThrough ||= stop;
      if (rest.timings?.cache_n != null) onCached?.(rest.timings.cache_n);
    }
    if (isEnded()) return;
    if (predicted > told.length) yield await this.#withheld(server, { body, call, told, predicted }, signal);
    else if (!isThrough) throw brokenOff();
  }

  /** One call a token, which is made to draw it. */
  async score(
    server: Connection,
    { session, tokens, from, topCount, onCached }: ScoreCall,
    signal: AbortSignal,
  ): Promise<readonly ReportedToken[]> {
    const scores: ReportedToken[] = [];
    for (let position = from; position < tokens.length; position++) {
      const place = { session, topCount, prefix: tokens.slice(0, position) };
      const isFirst = position === from;
      const told = isFirst ? { ...place, onCached } : place;
      scores.push(await this.#scoreOne(server, { place: told, token: tokens[position]! }, signal));
    }
    return scores;
  }

  /**
   * The tokens of a stream from the first that it withheld. They are drawn, and stand: were they given up where the
   * server cannot tell them now, tokens within a character would be drawn anew more often than others.
   */
  async #withheld(
    server: Connection,
    stream: WithholdingStream,
    signal: AbortSignal,
  ): Promise<readonly ReportedToken[]> {
    const backOff = new BackOff(stream.call.seed);
    for (;;) {
      try {
        return await this.#again(server, stream, signal);
      } catch (error) {
        await backOff.wait(error, signal);
      }
    }
  }

  async #again(
    server: Connection,
    { body, call, told, predicted }: WithholdingStream,
    signal: AbortSignal,
  ): Promise<readonly ReportedToken[]> {
    const { session, topCount, prefix, endTokens } = call;
    const again = { ...body, n_predict: predicted };
    const { tokens } = readAs(answerSchema, await server.post(path, again, { signal, session }));
    if (tokens.length < predicted || told.some((token, index) => token !== tokens[index])) throw unrepeated();
    const end = tokens.findIndex((token, index) => index >= told.length && endTokens.includes(token));
    const drawn = end < 0 ? tokens : tokens.slice(0, end + 1);
    const from = prefix.length + told.length;
    return this.score(
      server,
      { model: call.model, session, topCount, tokens: [...prefix, ...drawn], from },
      signal,
    );
  }

  async #scoreOne(
    server: Connection,
    { place, token }: { readonly place: Place; readonly token: TokenId },
    signal: AbortSignal,
  ): Promise<ReportedToken> {
    const { topCount, prefix, session } = place;
    const { drawn } = await this.#one(server, place, { bias: [[token, surely]], signal });
    if (drawn?.id === token) return reportOf(drawn, topCount);
    if (drawn !== undefined) throw garbage(`it draws token ${drawn.id} though ${token} is made sure`);
    for (const width of widths) {
      if (width < topCount) continue;
      const beside = await this.#beside(server, { prefix, session, topCount: width }, signal);
      const likeliest = (beside.top_logprobs ?? []).map(({ id, logprob }) => [id, logprob] as const);
      const own = likeliest.find(([id]) => id === token);
      if (own !== undefined) return reportToken(own, likeliest, topCount);
      if (likeliest.length < width) break;
    }
    throw garbage(`it tells no log-prob of token ${token}`);
  }

  /** A token that is told by itself, with the likeliest where it is drawn. */
  async #beside(server: Connection, place: Place, signal: AbortSignal): Promise<Drawn> {
    const parts: TokenId[] = [];
    while (parts.length < mostParts) {
      const bias =
        this.#whole === undefined
          ? parts.map((token) => [token, false] as const)
          : [[this.#whole, surely] as const];
      const { token, drawn } = await this.#one(server, place, { bias, signal });
      if (drawn !== undefined) {
        this.#whole ??= drawn.id;
        return drawn;
      }
      this.#whole = undefined;
      parts.push(token);
    }
    throw garbage("it tells no log-probs");
  }

  /** One token after a prefix; without what it tells of it where it is no whole character. */
  async #one(
    server: Connection,
    { prefix, session, topCount, onCached }: Place,
    {
      bias,
      signal,
    }: {
      readonly bias: readonly (readonly [TokenId, number | false])[];
      readonly signal: AbortSignal;
    },
  ): Promise<{ readonly token: TokenId; readonly drawn: Drawn | undefined }> {
    const law = samplingOf({ sampling: { inverseTemperature: 1 }, without: [], prefix, maxTokens: 1 });
    const body = { ...usual, ...law, prompt: prefix, n_predict: 1, seed: 0, n_probs: topCount };
    const said = await server.post(path, { ...body, logit_bias: bias }, { signal, session });
    const { tokens, completion_probabilities: drawn, timings } = readAs(answerSchema, said);
    const [token] = tokens;
    if (token === undefined) throw garbage("it ended without a token");
    if (timings?.cache_n != null) onCached?.(timings.cache_n);
    return { token, drawn: drawn?.[0] };
  }
}

function tokensOf(tokens: TokenIds, drawn: readonly Drawn[], topCount: number): readonly ReportedToken[] {
  if (drawn.length === 0) throw drafts();
  if (drawn.length !== tokens.length || drawn.some(({ id }, index) => id !== tokens[index]))
    throw garbage("it has tokens without log-probs");
  return drawn.map((token) => reportOf(token, topCount));
}

function reportOf({ id, logprob, top_logprobs: likeliest }: Drawn, topCount: number): ReportedToken {
  if (likeliest == null || (likeliest.length === 0 && topCount > 0)) throw drafts();
  return reportToken(
    [id, logprob],
    likeliest.map(({ id: other, logprob: its }) => [other, its]),
    topCount,
  );
}

/** Of tokens that were drafted it says that they were sure, and tells nothing beside them. */
export const drafts = (): InferenceError =>
  new InferenceError(
    "unsupported",
    "The server drafts tokens, and llama.cpp tells log-probs of 0 of those: start it with --spec-type none and without --model-draft.",
  );

const unrepeated = (): InferenceError =>
  new InferenceError(
    "numerical_error",
    "The server drew tokens that are no whole characters, which llama.cpp does not tell in a stream, and asked again with the same seed it drew others: start it with --parallel 1 or on one device, so that seeds repeat.",
  );
