import { constants } from "node:os";

/**
 * Ends the process on SIGTERM, SIGINT and SIGHUP unless other code listens for them. The operating system would do so by
 * itself, except for the first process of a container.
 */
export function exitOnSignals(): void {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal]);
    });
  }
}
