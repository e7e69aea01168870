import { constants } from "node:os";

/**
 * Ends the process where its output cannot be written, unless other code listens for that: without a word, as by
 * SIGPIPE, where the reader of a pipe has read enough; else with the reason (a disk that is full) and code 1.
 */
export function exitOnLostOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (stream.listenerCount("error") > 1) return;
      if (error.code === "EPIPE") process.exit(128 + constants.signals.SIGPIPE);
      if (stream === process.stdout) console.error(`error: The output cannot be written: ${error.message}`);
      process.exit(1);
    });
  }
}

/** A server serves on, whether or not what it says is read or can be kept. */
export function surviveLostOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
}
