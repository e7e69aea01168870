import { cancelled } from "../../src/core/errors.ts";
import type { TokenStream } from "../../src/core/token-stream.ts";
import type { ScoredToken, TokenIds, TokenRun, TopTokens } from "../../src/core/tokens.ts";
import type {
  Engine,
  EngineInfo,
  ExtendRequest,
  Narrowed,
  NarrowRequest,
  ScoreOptions,
} from "../../src/engine/engine.ts";
import type { EngineHealth } from "../../src/engine/health.ts";
import { boundEntropy, boundLogNormalizer } from "../../src/sampling/bounds.ts";
import { GeneratedStream } from "./token-stream.ts";

export interface BoundedOptions {
  /** How many of the likeliest tokens it tells with each token. */
  readonly known: number;
  /** How many it tells where it is asked to narrow; it cannot when left out. */
  readonly told?: number;
  /** Whether draws follow from their addresses, as those of the inner engine do; they are independent when left out. */
  readonly isCoupled?: boolean;
  /** Whether all tokens of an extension come in one run. */
  readonly isAtOnce?: boolean;
  /** What is added to logits so that a token is not drawn: servers take −100 at most; −1000 when left out. */
  readonly lightestBias?: number;
}

/** An engine that knows of another one's laws what the likeliest tokens tell, as a server elsewhere does. */
export class BoundedEngine implements Engine {
  readonly info: EngineInfo;
  /** Requests for narrower bounds. */
  narrowings = 0;
  readonly #inner: Engine;
  readonly #options: BoundedOptions;
  #calls = 0;

  /** Borrows the inner engine. */
  constructor(inner: Engine, options: BoundedOptions) {
    this.#inner = inner;
    this.#options = options;
    const { capabilities } = inner.info;
    this.info = {
      ...inner.info,
      capabilities: {
        ...capabilities,
        repeats: false,
        mostTop: options.known,
        logNormalizer: "interval",
        entropy: "interval",
        selfCertainty: false,
      },
    };
  }

  extend(request: ExtendRequest, signal: AbortSignal): TokenStream {
    return new GeneratedStream(this.#draw(request, signal));
  }

  async narrow(
    { prefix, token, inverseTemperature }: NarrowRequest,
    signal: AbortSignal,
  ): Promise<Narrowed | undefined> {
    const { told, known } = this.#options;
    if (told === undefined) return undefined;
    this.narrowings++;
    const request: ExtendRequest = {
      prefix,
      maxTokens: 1,
      endTokens: new Set(),
      sampling: { inverseTemperature },
      draws: { seed: 0, choice: 0, stage: 0, step: 0 },
      topCount: Math.min(told, this.info.vocabularySize),
    };
    for await (const [answer] of this.#inner.extend(request, signal)) {
      const top = answer!.top!;
      const narrowed = this.#bound({ ...token, top }, inverseTemperature, top.ids.length);
      return top.ids.length > known ? { token: { ...narrowed, logprob: token.logprob }, top } : undefined;
    }
    throw cancelled();
  }

  score(...request: [readonly number[], ScoreOptions, AbortSignal]): Promise<readonly ScoredToken[]> {
    return this.#inner.score(...request);
  }

  load(): undefined {
    return undefined;
  }

  health(): EngineHealth {
    return this.#inner.health();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The inner engine is borrowed.
  }

  async *#draw(request: ExtendRequest, signal: AbortSignal): AsyncGenerator<TokenRun, void, undefined> {
    const { known, isCoupled = false, isAtOnce = false } = this.#options;
    const { without = [], sampling, topCount } = request;
    const draws = isCoupled ? request.draws : { ...request.draws, seed: this.#calls++, stage: 7 };
    const asked = { ...request, draws, without: undefined, topCount: this.info.vocabularySize };
    const give = (token: ScoredToken): TokenRun => {
      const { top, ...bounded } = this.#bound(token, sampling.inverseTemperature, known);
      return [topCount === 0 ? bounded : { ...bounded, top: firstOf(top!, topCount) }];
    };
    const tokens = this.#tokens(asked, isCoupled ? [] : without, signal);
    if (!isAtOnce) {
      for await (const token of tokens) yield give(token);
      return;
    }
    const together: ScoredToken[] = [];
    for await (const token of tokens) together.push(...give(token));
    yield together;
  }

  /** Of the inner engine, the first of them past those that are to be left out. */
  async *#tokens(
    request: ExtendRequest,
    without: TokenIds,
    signal: AbortSignal,
  ): AsyncGenerator<ScoredToken, void, undefined> {
    const { prefix, maxTokens, endTokens, sampling } = request;
    const { lightestBias = -1000 } = this.#options;
    let from = prefix;
    if (without.length > 0) {
      const bias = new Map(without.map((id) => [id, lightestBias]));
      const adjustments = { bias, promptLength: prefix.length };
      const first = { ...request, maxTokens: 1, sampling: { ...sampling, adjustments } };
      for await (const [token] of this.#inner.extend(first, signal)) {
        from = [...prefix, token!.token];
        yield token!;
      }
      if (endTokens.has(from.at(-1)!)) return;
    }
    const left = maxTokens - (from.length - prefix.length);
    if (left === 0) return;
    for await (const run of this.#inner.extend({ ...request, prefix: from, maxTokens: left }, signal))
      yield* run;
  }

  /** What so many of the likeliest tell of the token's law. */
  #bound(token: ScoredToken, inverseTemperature: number, count: number): ScoredToken {
    const top = firstOf(token.top!, count);
    const beyond = top.ids.includes(token.token) ? undefined : token.logprob;
    const known = { top, beyond, vocabularySize: this.info.vocabularySize };
    const logZ = boundLogNormalizer(known, inverseTemperature);
    const entropy = boundEntropy(known);
    return {
      token: token.token,
      logprob: token.logprob,
      logNormalizer: logZ.high,
      logNormalizerGap: logZ.high - logZ.low,
      entropy: entropy.low,
      entropyGap: entropy.high - entropy.low,
      top,
    };
  }
}

const firstOf = ({ ids, logprobs }: TopTokens, count: number): TopTokens => ({
  ids: ids.slice(0, count),
  logprobs: logprobs.slice(0, count),
});
