import { setMaxListeners } from "node:events";
import { constants } from "node:os";
import { InferenceError } from "../core/errors.ts";

const names = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
type EndingSignal = (typeof names)[number];

/** As shells tell it of a process that a signal ended. */
const codeOf = (signal: EndingSignal): number => 128 + constants.signals[signal];

/**
 * Ends the process on SIGTERM, SIGINT and SIGHUP unless other code listens for them. The operating system would do so by
 * itself, except for the first process of a container.
 */
export function exitOnSignals(): void {
  for (const signal of names) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(codeOf(signal));
    });
  }
}

/** A signal ended what can be gone on with. */
export class Interrupted extends InferenceError {
  readonly exitCode: number;

  constructor(signal: EndingSignal) {
    super("aborted", `Interrupted by ${signal}. What was finished is kept: start it again to go on.`);
    this.exitCode = codeOf(signal);
  }
}

/** For work that ends in order: the first signal aborts it with `Interrupted`, a second ends the process at once. */
export function abortOnSignals(): Disposable & { readonly signal: AbortSignal } {
  const stop = new AbortController();
  // Whatever is under way at once listens.
  setMaxListeners(0, stop.signal);
  const listeners = names.map((name) => {
    const interrupt = (): void => {
      if (stop.signal.aborted) process.exit(codeOf(name));
      stop.abort(new Interrupted(name));
    };
    process.on(name, interrupt);
    return (): unknown => process.off(name, interrupt);
  });
  return {
    signal: stop.signal,
    [Symbol.dispose]: () => {
      for (const remove of listeners) remove();
    },
  };
}
