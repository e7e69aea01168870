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
  /** Under way, for one token of the model each. */
  #pulls = 0;

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
    const share = request.share ?? this.#share;
    const drawing = this.#inner.extend({ ...request, share }, signal)[Symbol.asyncIterator]();
    let drawnTokens = 0;
    try {
      // Pulls under way count too: extensions side by side must not spend the last token several times.
      while (drawnTokens < request.maxTokens && this.#yieldedTokens + this.#pulls < this.#budget) {
        const run = await this.#pull(drawing);
        if (run === undefined) return;
        drawnTokens += run.length;
        yield run;
        if (request.endTokens.has(run.at(-1)!.token)) return;
      }
    } finally {
      await drawing.return?.();
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

  async #pull(drawing: AsyncIterator<TokenRun>): Promise<TokenRun | undefined> {
    this.#pulls++;
    try {
      const pulled = await drawing.next();
      if (pulled.done === true) return undefined;
      this.#yieldedTokens += pulled.value.length;
      return pulled.value;
    } finally {
      this.#pulls--;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The inner engine is borrowed.
  }
}
