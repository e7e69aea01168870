import type { DrawCost } from "../core/draw-cost.ts";
import { InferenceError } from "../core/errors.ts";
import { TokenStream } from "../core/token-stream.ts";
import type { Awaitable } from "../core/token-stream.ts";
import type { ScoredToken, TokenRun, TopTokens } from "../core/tokens.ts";
import type {
  Engine,
  EngineInfo,
  EngineLoad,
  ExtendRequest,
  Narrowed,
  NarrowRequest,
  Share,
} from "./engine.ts";
import type { EngineHealth } from "./health.ts";
import type { Said } from "./said.ts";

export interface MeterOptions {
  /** Tokens after which extensions end without an error; unlimited when left out. */
  readonly budget?: number | undefined;
  /** The share of extensions that name none. */
  readonly share?: Share | undefined;
  /** Tokens of the request's prompt; see `ExtendRequest.promptLength`. */
  readonly promptLength?: number | undefined;
  /** What is known of the request's prompt; see `ExtendRequest.said`. */
  readonly said?: Said | undefined;
  /** Once it is aborted, extensions end as they do at the budget's end, those that wait for the model among them. */
  readonly ending?: AbortSignal | undefined;
}

interface Meter {
  readonly budget: number;
  readonly ending: AbortSignal | undefined;
  yieldedTokens: number;
  /** Pulls under way; each asks the model for one token at most. */
  pulls: number;
}

/** Counts the tokens that an engine yields for one request, within its budget and as its share. Borrows the engine. */
export class MeteredEngine implements Engine {
  readonly info: EngineInfo;
  readonly #inner: Engine;
  readonly #share: Share | undefined;
  readonly #said: Said | undefined;
  readonly #promptLength: number | undefined;
  readonly #meter: Meter;

  constructor(inner: Engine, { budget = Infinity, share, said, promptLength, ending }: MeterOptions = {}) {
    this.#inner = inner;
    this.#share = share;
    this.#said = said;
    this.#promptLength = promptLength;
    this.#meter = { budget, ending, yieldedTokens: 0, pulls: 0 };
    this.info = inner.info;
  }

  get yieldedTokens(): number {
    return this.#meter.yieldedTokens;
  }

  extend(request: ExtendRequest, signal: AbortSignal): TokenStream {
    const share = request.share ?? this.#share;
    const said = request.said ?? this.#said;
    const promptLength = request.promptLength ?? this.#promptLength;
    const inner = this.#inner.extend({ ...request, share, said, promptLength }, signal);
    return new MeteredExtension(inner, this.#meter, request.cost);
  }

  score(...request: Parameters<Engine["score"]>): Promise<readonly ScoredToken[]> {
    return this.#inner.score(...request);
  }

  /** Counts as a token that nothing draws. Beyond the budget, and at the end, nothing is asked. */
  async narrow(request: NarrowRequest, signal: AbortSignal): Promise<Narrowed | undefined> {
    const { budget, ending, yieldedTokens, pulls } = this.#meter;
    if (this.#inner.narrow === undefined) return undefined;
    const asItWas = { token: request.token, top: noTop };
    const isEnding = (): boolean => ending?.aborted === true;
    if (isEnding() || yieldedTokens + pulls >= budget) return asItWas;
    this.#meter.yieldedTokens++;
    const share = request.share ?? this.#share;
    const promptLength = request.promptLength ?? this.#promptLength;
    using either = linkSignals(signal, ending);
    try {
      return await this.#inner.narrow({ ...request, share, promptLength }, either.signal);
    } catch (error) {
      if (isEnding() && !signal.aborted) return asItWas;
      throw error;
    }
  }

  load(): EngineLoad | undefined {
    return this.#inner.load();
  }

  health(): EngineHealth {
    return this.#inner.health();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The inner engine is borrowed.
  }
}

const noTop: TopTokens = { ids: new Int32Array(), logprobs: new Float64Array() };

/** A signal that is aborted as soon as one of two is; let go of, it leaves nothing on them. */
function linkSignals(first: AbortSignal, second = first): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const abort = (): void => {
    controller.abort();
  };
  if (first.aborted || second.aborted) abort();
  const signals = [first, second];
  for (const signal of signals) signal.addEventListener("abort", abort);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const signal of signals) signal.removeEventListener("abort", abort);
    },
  };
}

class MeteredExtension extends TokenStream {
  readonly #inner: TokenStream;
  readonly #meter: Meter;
  readonly #cost: DrawCost | undefined;

  constructor(inner: TokenStream, meter: Meter, cost: DrawCost | undefined) {
    super();
    this.#inner = inner;
    this.#meter = meter;
    this.#cost = cost;
  }

  override pull(): Awaitable<TokenRun | undefined> {
    const { budget, ending, yieldedTokens, pulls } = this.#meter;
    if (ending?.aborted === true) {
      this[Symbol.dispose]();
      return undefined;
    }
    // Pulls under way count too: extensions side by side must not spend the last token several times.
    if (yieldedTokens + pulls >= budget) this[Symbol.dispose]();
    const pulled = this.#inner.pull();
    return pulled instanceof Promise ? this.#wait(pulled) : this.#count(pulled);
  }

  override [Symbol.dispose](): void {
    this.#inner[Symbol.dispose]();
  }

  async #wait(pulled: Promise<TokenRun | undefined>): Promise<TokenRun | undefined> {
    const { ending } = this.#meter;
    const end = (): void => {
      this[Symbol.dispose]();
    };
    ending?.addEventListener("abort", end);
    this.#meter.pulls++;
    try {
      return this.#count(await pulled);
    } catch (error) {
      // A pull that is disposed of says that it was aborted.
      if (ending?.aborted === true && error instanceof InferenceError && error.code === "aborted")
        return undefined;
      throw error;
    } finally {
      ending?.removeEventListener("abort", end);
      this.#meter.pulls--;
    }
  }

  #count(run: TokenRun | undefined): TokenRun | undefined {
    const tokens = run?.length ?? 0;
    this.#meter.yieldedTokens += tokens;
    if (this.#cost !== undefined) this.#cost.evaluatedTokens += tokens;
    return run;
  }
}
