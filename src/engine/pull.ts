import { cancelled } from "../core/errors.ts";

/** Somebody waiting for a sequence's next token; gives up when the signal does. */
export class Pull {
  readonly promise: Promise<void>;
  readonly #settle: { resolve: () => void; reject: (error: unknown) => void };
  readonly #signal: AbortSignal;
  readonly #onAbort: () => void;

  constructor(signal: AbortSignal, onAbort: () => void) {
    let settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;
    this.promise = new Promise((resolve, reject: (error: unknown) => void) => {
      settle = { resolve, reject };
    });
    this.#settle = settle!;
    this.#signal = signal;
    this.#onAbort = () => {
      onAbort();
      this.reject(cancelled());
    };
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  resolve(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#settle.resolve();
  }

  reject(error: unknown): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#settle.reject(error);
  }
}
