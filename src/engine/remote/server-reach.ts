import { RemoteError } from "./remote-error.ts";

/** So long a server may fail every call before its engine is said to be unwell, ms. */
const longestOutageMs = 5_000;
/** After so long without a word of the server it is asked for one, ms. */
const longestSilenceMs = 5_000;
/** So long it may take to say it, where nothing else is told, ms. */
const usualWordMs = 5_000;

/** Whether a server can be reached, by the calls to it; by a question of its own where there are none. */
export class ServerReach {
  readonly #ask: (signal: AbortSignal) => Promise<unknown>;
  readonly #wordMs: number;
  #heardAt = performance.now();
  #outage: { readonly since: number; readonly message: string } | undefined;
  #isAsking = false;

  /**
   * @param ask something that any server answers at once, whatever else it has to do
   * @param wordMs how long that may take
   */
  constructor(ask: (signal: AbortSignal) => Promise<unknown>, wordMs = usualWordMs) {
    this.#ask = ask;
    this.#wordMs = wordMs;
  }

  /** The server has answered a call. */
  heard(): void {
    this.#heardAt = performance.now();
    this.#outage = undefined;
  }

  /** A call has failed in a way that others may fail in too. */
  missed({ message }: Error): void {
    this.#outage ??= { since: performance.now(), message };
  }

  /** Why the engine is unwell; `undefined` where it is well. */
  get fault(): string | undefined {
    if (this.#outage === undefined || performance.now() - this.#outage.since < longestOutageMs)
      return undefined;
    return `${this.#outage.message} It is called again and again.`;
  }

  /**
   * Asks, in the background, a server that nothing has been heard of for a while: who asks for the engine's health may be
   * what keeps all calls away from it until it is well, or the only one who would notice that it is not.
   */
  look(): void {
    const isSilent = performance.now() - this.#heardAt > longestSilenceMs;
    if (this.#isAsking || (this.#outage === undefined && !isSilent)) return;
    this.#isAsking = true;
    void this.#hear();
  }

  async #hear(): Promise<void> {
    try {
      await this.answer(new AbortController().signal);
      this.heard();
    } catch (error) {
      if (error instanceof Error) this.missed(error);
    } finally {
      this.#isAsking = false;
    }
  }

  /**
   * Asks the server for a word, which none takes long for: one that is gone without a word is not waited for as a slow
   * one is.
   * @throws RemoteError where it gives none; `aborted` once the signal is
   */
  async answer(signal: AbortSignal): Promise<void> {
    const late = AbortSignal.timeout(this.#wordMs);
    try {
      await this.#ask(AbortSignal.any([signal, late]));
    } catch (error) {
      if (signal.aborted) throw error;
      if (late.aborted) {
        const message = `The server has not answered for ${this.#wordMs / 1000} s.`;
        throw new RemoteError(message, { retryable: true });
      }
      // One that refuses, or does not have, what it was asked for is there.
      if (error instanceof RemoteError && error.isOutage) throw error;
    }
  }
}
