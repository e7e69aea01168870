import { InferenceError } from "../core/errors.ts";
import type { ScoredToken, TokenIds, TokenRun } from "../core/tokens.ts";
import type { Engine, EngineHealth, EngineInfo, EngineLoad, ExtendRequest, Share } from "./engine.ts";
import { PassTimes } from "./pass-times.ts";
import type { ModelRunner } from "./runner.ts";
import { Scheduler } from "./scheduler.ts";
import type { SchedulerSettings } from "./scheduler.ts";
import { ExtendSequence, ScoreSequence } from "./sequence.ts";

/** An engine over one model runner: sequences on lanes, batched pass by pass by the scheduler. */
export class LocalEngine implements Engine {
  readonly info: EngineInfo;
  readonly #runner: ModelRunner;
  readonly #scheduler: Scheduler;

  /** Takes ownership of the runner, whose pass times may have been measured before. */
  constructor(
    runner: ModelRunner,
    settings: SchedulerSettings,
    passTimes: PassTimes = PassTimes.unmeasured(runner),
  ) {
    this.#runner = runner;
    this.#scheduler = new Scheduler(runner, settings, passTimes);
    this.info = { vocabularySize: runner.vocabularySize, maxLength: runner.memory.capacity };
  }

  async *extend(request: ExtendRequest, signal: AbortSignal): AsyncGenerator<TokenRun, void, undefined> {
    this.#checkLength(request.prefix, request.maxTokens);
    const sequence = new ExtendSequence(request);
    this.#scheduler.open(sequence, signal);
    try {
      for (let drawn = 0; drawn < request.maxTokens; drawn++) {
        await this.#scheduler.advance(sequence);
        const token = sequence.takeDrawn();
        yield [token];
        if (request.endTokens.has(token.token)) return;
      }
    } finally {
      this.#scheduler.close(sequence);
    }
  }

  async score(
    tokens: TokenIds,
    topCount: number,
    signal: AbortSignal,
    share?: Share,
  ): Promise<readonly ScoredToken[]> {
    this.#checkLength(tokens, 0);
    if (tokens.length < 2) return [];
    const sequence = new ScoreSequence(tokens, topCount, share);
    this.#scheduler.open(sequence, signal);
    try {
      await this.#scheduler.advance(sequence);
      return sequence.scores;
    } finally {
      this.#scheduler.close(sequence);
    }
  }

  health(): EngineHealth {
    return this.#scheduler.health();
  }

  load(): EngineLoad {
    return this.#scheduler.load();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scheduler.stop();
    await this.#runner[Symbol.asyncDispose]();
  }

  #checkLength(prefix: TokenIds, maxTokens: number): void {
    if (prefix.length === 0)
      throw new InferenceError("invalid_request", "The prompt is empty; send at least one token.");
    if (prefix.length + maxTokens > this.info.maxLength) {
      throw new InferenceError(
        "context_length_exceeded",
        `${prefix.length} tokens and ${maxTokens} more exceed the context of ${this.info.maxLength}.`,
      );
    }
    for (const token of prefix) {
      if (!(Number.isInteger(token) && token >= 0 && token < this.info.vocabularySize)) {
        throw new InferenceError(
          "invalid_request",
          `Token id ${token} is outside the vocabulary (0..${this.info.vocabularySize - 1}).`,
        );
      }
    }
  }
}
