import type { TokenStream } from "../../core/token-stream.ts";
import type { ScoredToken, TokenIds } from "../../core/tokens.ts";
import { checkTokens } from "../check-tokens.ts";
import type { Engine, EngineHealth, EngineInfo, EngineLoad, ExtendRequest, Share } from "../engine.ts";
import { LocalExtension } from "./local-extension.ts";
import { PassTimes } from "./pass-times.ts";
import type { ModelRunner } from "./runner.ts";
import { Scheduler } from "./scheduler.ts";
import type { SchedulerSettings } from "./scheduler.ts";
import { ScoreSequence } from "./sequence.ts";

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

  extend(request: ExtendRequest, signal: AbortSignal): TokenStream {
    return new LocalExtension({ scheduler: this.#scheduler, info: this.info }, request, signal);
  }

  async score(
    tokens: TokenIds,
    topCount: number,
    signal: AbortSignal,
    share?: Share,
  ): Promise<readonly ScoredToken[]> {
    checkTokens(tokens, 0, this.info);
    if (tokens.length < 2) return [];
    const sequence = new ScoreSequence(tokens, topCount);
    const open = this.#scheduler.open(sequence, { signal, share });
    try {
      await this.#scheduler.advance(open);
      return sequence.scores;
    } finally {
      this.#scheduler.close(open);
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
}
