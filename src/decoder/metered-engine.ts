import type { ScoredToken, TokenRun } from "../core/tokens.ts";
import type { Engine, EngineHealth, EngineInfo, EngineLoad, ExtendRequest, Share } from "../engine/engine.ts";

export interface MeterOptions {
  /** Tokens after which extensions end without an error; unlimited when left out. */
  readonly budget?: number | undefined;
  /** Whose work extensions are that do not say. */
  readonly share?: Share | undefined;
}

/** Counts the tokens that an engine yields for one request, within its budget and as its share. Borrows the engine. */
export class MeteredEngine implements Engine {
  readonly info: EngineInfo;
  readonly #inner: Engine;
  readonly #budget: number;
  readonly #share: Share | undefined;
  #yieldedTokens = 0;

  constructor(inner: Engine, { budget = Infinity, share }: MeterOptions = {}) {
    this.#inner = inner;
    this.#budget = budget;
    this.#share = share;
    this.info = inner.info;
  }

  get yieldedTokens(): number {
    return this.#yieldedTokens;
  }

  async *extend(request: ExtendRequest, signal: AbortSignal): AsyncGenerator<TokenRun, void, undefined> {
    const maxTokens = Math.min(request.maxTokens, this.#budget - this.#yieldedTokens);
    if (maxTokens <= 0) return;
    const share = request.share ?? this.#share;
    for await (const run of this.#inner.extend({ ...request, maxTokens, share }, signal)) {
      this.#yieldedTokens += run.length;
      yield run;
      if (this.#yieldedTokens >= this.#budget) return;
    }
  }

  score(...request: Parameters<Engine["score"]>): Promise<readonly ScoredToken[]> {
    return this.#inner.score(...request);
  }

  health(): EngineHealth {
    return this.#inner.health();
  }

  load(): EngineLoad {
    return this.#inner.load();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The inner engine is borrowed.
  }
}
