import type { TokenStream } from "../../core/token-stream.ts";
import type { ScoredToken, TokenIds } from "../../core/tokens.ts";
import { checkScore } from "../check-request.ts";
import type { Engine, EngineInfo, EngineLoad, ExtendRequest, ScoreOptions } from "../engine.ts";
import type { LocalHealth } from "../health.ts";
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
    const { vocabularySize, memory, reproducibility } = runner;
    this.info = {
      vocabularySize,
      maxLength: memory.capacity,
      capabilities: {
        repeats: true,
        reproducibility,
        mostTop: vocabularySize,
        logNormalizer: "exact",
        entropy: "exact",
        selfCertainty: true,
        adjustments: true,
        truncation: true,
        constraints: true,
        scores: true,
      },
    };
  }

  extend(request: ExtendRequest, signal: AbortSignal): TokenStream {
    return new LocalExtension({ scheduler: this.#scheduler, info: this.info }, request, signal);
  }

  async score(tokens: TokenIds, options: ScoreOptions, signal: AbortSignal): Promise<readonly ScoredToken[]> {
    checkScore(tokens, options, this.info);
    if (tokens.length < 2) return [];
    const sequence = new ScoreSequence(tokens, options.topCount);
    const open = this.#scheduler.open(sequence, { signal, share: options.share });
    try {
      await this.#scheduler.advance(open);
      return sequence.scores;
    } finally {
      this.#scheduler.close(open);
    }
  }

  health(): LocalHealth {
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
