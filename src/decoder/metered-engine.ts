import type { ScoredToken, TokenIds, TokenRun } from "../core/tokens.ts";
import type { Engine, EngineHealth, EngineInfo, EngineLoad, ExtendRequest } from "../engine/engine.ts";

/**
 * Counts the tokens that an engine yields for one request, and ends extensions without an error once a budget of
 * them is spent. Borrows the engine.
 */
export class MeteredEngine implements Engine {
  readonly info: EngineInfo;
  readonly #inner: Engine;
  readonly #budget: number;
  #yieldedTokens = 0;

  constructor(inner: Engine, budget = Infinity) {
    this.#inner = inner;
    this.#budget = budget;
    this.info = inner.info;
  }

  get yieldedTokens(): number {
    return this.#yieldedTokens;
  }

  async *extend(request: ExtendRequest, signal: AbortSignal): AsyncGenerator<TokenRun, void, undefined> {
    const maxTokens = Math.min(request.maxTokens, this.#budget - this.#yieldedTokens);
    if (maxTokens <= 0) return;
    for await (const run of this.#inner.extend({ ...request, maxTokens }, signal)) {
      this.#yieldedTokens += run.length;
      yield run;
      if (this.#yieldedTokens >= this.#budget) return;
    }
  }

  score(tokens: TokenIds, topCount: number, signal: AbortSignal): Promise<readonly ScoredToken[]> {
    return this.#inner.score(tokens, topCount, signal);
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
