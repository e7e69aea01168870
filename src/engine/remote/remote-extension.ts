import { setImmediate } from "node:timers/promises";
import { cancelled } from "../../core/errors.ts";
import { TokenStream } from "../../core/token-stream.ts";
import type { Awaitable } from "../../core/token-stream.ts";
import type { ScoredToken, TokenId, TokenRun } from "../../core/tokens.ts";
import { checkExtend } from "../check-request.ts";
import type { EngineInfo, ExtendRequest } from "../engine.ts";
import { isOver, readTokens } from "./read-tokens.ts";
import type { ReadGround } from "./read-tokens.ts";

/** Tokens that a call may be ahead of those that were pulled: then it is ended, and another goes on when they are. */
const mostAhead = 32;

/** What is counted of an engine's extensions. */
export interface Sequences {
  /** Begun and not over. */
  open: number;
  /** Callers wait for their next token. */
  pulled: number;
}

export interface ExtensionGround extends ReadGround {
  readonly info: EngineInfo;
  /** @throws InferenceError `unsupported` for what the server has no terms for */
  readonly check: (request: ExtendRequest) => void;
  readonly sequences: Sequences;
}

/** Tokens that a server draws ahead of its puller, a token a pull. */
export class RemoteExtension extends TokenStream {
  readonly #ground: ExtensionGround;
  readonly #request: ExtendRequest;
  readonly #signal: AbortSignal;
  /** All that came, in order, and those of it that were not pulled. */
  readonly #drawn: TokenId[] = [];
  readonly #ahead: ScoredToken[] = [];
  #isOpen = false;
  #isOver = false;
  /** Whether the last token came. */
  #isRead = false;
  /** Ends the call under way. */
  #reading: AbortController | undefined;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor(ground: ExtensionGround, request: ExtendRequest, signal: AbortSignal) {
    super();
    this.#ground = ground;
    this.#request = request;
    this.#signal = signal;
  }

  override pull(): Awaitable<TokenRun | undefined> {
    if (this.#isOver) return undefined;
    const { calls } = this.#ground;
    const isEnded = this.#signal.aborted || calls.end !== undefined;
    return isEnded || this.#ahead.length === 0 ? this.#wait() : this.#take();
  }

  override [Symbol.dispose](): void {
    this.#isOver = true;
    // After the last token a server only says that it is through.
    if (!this.#isRead) this.#reading?.abort();
    this.#wake();
    if (this.#isOpen) this.#ground.sequences.open--;
    this.#isOpen = false;
  }

  #take(): TokenRun {
    const token = this.#ahead.shift()!;
    if (this.#isRead && this.#ahead.length === 0) this[Symbol.dispose]();
    return [token];
  }

  async #wait(): Promise<TokenRun | undefined> {
    const { sequences } = this.#ground;
    const wake = (): void => {
      this.#wake();
    };
    this.#signal.addEventListener("abort", wake);
    sequences.pulled++;
    try {
      this.#open();
      return await this.#next();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    } finally {
      sequences.pulled--;
      this.#signal.removeEventListener("abort", wake);
    }
  }

  #open(): void {
    if (this.#isOpen) return;
    checkExtend(this.#request, this.#ground.info);
    this.#ground.check(this.#request);
    this.#isOpen = true;
    this.#ground.sequences.open++;
  }

  async #next(): Promise<TokenRun> {
    for (;;) {
      const { end } = this.#ground.calls;
      if (this.#signal.aborted || this.#isOver) throw cancelled();
      if (end !== undefined) throw end;
      if (this.#ahead.length > 0) return this.#take();
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#reading === undefined) void this.#read();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Until the last token came, the reader is left too far behind, or the extension is disposed of. */
  async #read(): Promise<void> {
    const controller = new AbortController();
    const abort = (): void => {
      controller.abort();
    };
    this.#reading = controller;
    this.#signal.addEventListener("abort", abort);
    try {
      await this.#readOn(controller.signal);
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#signal.removeEventListener("abort", abort);
      this.#reading = undefined;
      this.#wake();
    }
  }

  async #readOn(signal: AbortSignal): Promise<void> {
    const read = readTokens(this.#ground, this.#request, { drawn: this.#drawn, signal });
    for await (const tokens of read) {
      this.#ahead.push(...tokens);
      for (const { token } of tokens) this.#drawn.push(token);
      this.#isRead = isOver(this.#drawn, this.#request);
      this.#wake();
      if (this.#isRead || this.#ahead.length < mostAhead) continue;
      // Many may come in one piece: their reader has a turn for them.
      await setImmediate();
      if (this.#ahead.length >= mostAhead) return;
    }
  }
}
