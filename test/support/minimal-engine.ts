import { cancelled, InferenceError } from "../../src/core/errors.ts";
import { uniform } from "../../src/core/random.ts";
import { TokenStream } from "../../src/core/token-stream.ts";
import type { ScoredToken, TokenRun } from "../../src/core/tokens.ts";
import { checkExtend, checkScore } from "../../src/engine/check-request.ts";
import type { Engine, EngineInfo, ExtendRequest, ScoreOptions } from "../../src/engine/engine.ts";
import type { EngineHealth } from "../../src/engine/health.ts";
import { logSoftmax } from "./toy-model.ts";
import type { ToyModel } from "./toy-model.ts";
import { GeneratedStream } from "./token-stream.ts";

/**
 * The least that is an engine, as the API of a model elsewhere may be: it draws, by uniforms of its own, and tells log
 * p.
 */
export class MinimalEngine implements Engine {
  readonly info: EngineInfo;
  readonly #model: ToyModel;
  #evaluatedTokens = 0;
  #isClosed = false;

  constructor(model: ToyModel, maxLength = 64) {
    this.#model = model;
    this.info = {
      vocabularySize: model.vocabularySize,
      maxLength,
      capabilities: {
        repeats: false,
        reproducibility: "approximate",
        mostTop: 0,
        logNormalizer: "unknown",
        entropy: "unknown",
        selfCertainty: false,
        adjustments: false,
        truncation: false,
        constraints: false,
        scores: false,
      },
    };
  }

  extend(request: ExtendRequest, signal: AbortSignal): TokenStream {
    return new GeneratedStream(this.#draw(request, signal));
  }

  async score(...[tokens, options]: [readonly number[], ScoreOptions, AbortSignal]): Promise<ScoredToken[]> {
    checkScore(tokens, options, this.info);
    return [];
  }

  load(): undefined {
    return undefined;
  }

  health(): EngineHealth {
    return { status: "ok", evaluatedTokens: this.#evaluatedTokens };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
  }

  async *#draw(request: ExtendRequest, signal: AbortSignal): AsyncGenerator<TokenRun, void, undefined> {
    checkExtend(request, this.info);
    const { prefix, maxTokens, endTokens, sampling } = request;
    const tokens = [...prefix];
    for (let drawn = 0; drawn < maxTokens; drawn++) {
      // As an answer from elsewhere, it takes a turn of the event loop at least.
      await new Promise(setImmediate);
      if (signal.aborted) throw cancelled();
      if (this.#isClosed) throw new InferenceError("shutting_down", "The engine is shut down.");
      const logs = logSoftmax(this.#model.logits(tokens));
      const weights = logs.map((log) => Math.exp(sampling.inverseTemperature * log));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const u = uniform({ seed: this.#evaluatedTokens++, choice: 0, stage: 0, step: 0 }, "token", 0);
      let mass = 0;
      const token = weights.findIndex((weight) => (mass += weight / total) > u);
      const logprob = logs[token]!;
      // Its log Z is known where there is none to know.
      const logNormalizer = sampling.inverseTemperature === 1 ? 0 : NaN;
      yield [{ token, logprob, logNormalizer, entropy: NaN }];
      if (endTokens.has(token)) return;
      tokens.push(token);
    }
  }
}
