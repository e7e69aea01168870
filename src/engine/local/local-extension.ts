import { TokenStream } from "../../core/token-stream.ts";
import type { TokenRun } from "../../core/tokens.ts";
import { checkExtend } from "../check-request.ts";
import type { EngineInfo, ExtendRequest } from "../engine.ts";
import type { OpenSequence } from "./open-sequence.ts";
import type { Scheduler } from "./scheduler.ts";
import { ExtendSequence } from "./sequence.ts";

/** One sequence of a scheduler, a token a pull. */
export class LocalExtension extends TokenStream {
  readonly #scheduler: Scheduler;
  readonly #info: EngineInfo;
  readonly #request: ExtendRequest;
  readonly #signal: AbortSignal;
  #opened: { readonly sequence: ExtendSequence; readonly open: OpenSequence } | undefined;
  #drawn = 0;
  #isOver = false;

  constructor(
    { scheduler, info }: { readonly scheduler: Scheduler; readonly info: EngineInfo },
    request: ExtendRequest,
    signal: AbortSignal,
  ) {
    super();
    this.#scheduler = scheduler;
    this.#info = info;
    this.#request = request;
    this.#signal = signal;
  }

  override async pull(): Promise<TokenRun | undefined> {
    if (this.#isOver) return undefined;
    const { sequence, open } = (this.#opened ??= this.#open());
    await this.#scheduler.advance(open);
    const token = sequence.takeDrawn();
    this.#drawn++;
    const { maxTokens, endTokens } = this.#request;
    if (this.#drawn === maxTokens || endTokens.has(token.token)) this[Symbol.dispose]();
    return [token];
  }

  override [Symbol.dispose](): void {
    this.#isOver = true;
    if (this.#opened !== undefined) this.#scheduler.close(this.#opened.open);
    this.#opened = undefined;
  }

  #open(): { readonly sequence: ExtendSequence; readonly open: OpenSequence } {
    checkExtend(this.#request, this.#info);
    const sequence = new ExtendSequence(this.#request);
    const { share } = this.#request;
    return { sequence, open: this.#scheduler.open(sequence, { signal: this.#signal, share }) };
  }
}
