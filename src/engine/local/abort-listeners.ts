/**
 * One listener per signal for all items that it ends: adding and removing one costs as much as a row of a small model.
 */
export class AbortListeners<T> {
  readonly #onAbort: (item: T) => void;
  /** The items that a signal ends. */
  readonly #bySignal = new WeakMap<AbortSignal, Set<T>>();

  constructor(onAbort: (item: T) => void) {
    this.#onAbort = onAbort;
  }

  add(signal: AbortSignal, item: T): void {
    const known = this.#bySignal.get(signal);
    if (known !== undefined) {
      known.add(item);
      return;
    }
    const items = new Set([item]);
    this.#bySignal.set(signal, items);
    signal.addEventListener("abort", () => {
      for (const aborted of items) this.#onAbort(aborted);
    });
  }

  remove(signal: AbortSignal, item: T): void {
    this.#bySignal.get(signal)?.delete(item);
  }
}
