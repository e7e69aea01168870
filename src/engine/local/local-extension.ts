import { TokenStream } from "../../core/token-stream.ts";
import type { ScoredToken, TokenRun } from "../../core/tokens.ts";
import { checkExtend } from "../check-request.ts";
import type { EngineInfo, ExtendRequest } from "../engine.ts";
import type { OpenSequence } from "./open-sequence.ts";
import type { Scheduler } from "./scheduler.ts";
import { ExtendSequence } from "./sequence.ts";

/** One sequence of a scheduler, a token a pull: those that a pass settles beyond the one asked for wait to be pulled. */
export class LocalExtension extends TokenStream {
  readonly #scheduler: Scheduler;
  readonly #info: EngineInfo;
  readonly #request: ExtendRequest;
  readonly #signal: AbortSignal;
  #opened: { readonly sequence: ExtendSequence; readonly open: OpenSequence } | undefined;
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
    const token = this.#signal.aborted ? undefined : sequence.takeDrawn();
    if (token !== undefined) return this.#give(token);
    await this.#scheduler.advance(open);
    return this.#give(sequence.takeDrawn()!);
  }

  override [Symbol.dispose](): void {
    this.#isOver = true;
    if (this.#opened === undefined) return;
    this.#opened.sequence.close();
    this.#scheduler.close(this.#opened.open);
    this.#opened = undefined;
  }

  #give(token: ScoredToken): TokenRun {
    if (this.#opened?.sequence.isOver === true) this[Symbol.dispose]();
    return [token];
  }

  #open(): { readonly sequence: ExtendSequence; readonly open: OpenSequence } {
    checkExtend(this.#request, this.#info);
    const sequence = new ExtendSequence(this.#request);
    const { share } = this.#request;
    return { sequence, open: this.#scheduler.open(sequence, { signal: this.#signal, share }) };
  }
}
