import { setTimeout as sleep } from "node:timers/promises";
import closeWithGrace from "close-with-grace";
import type { Logger } from "pino";
import type { Completer } from "../decoder/completer.ts";
import { closeMarginMs } from "../server/graceful-close.ts";

/** How long the engine's thread may take to end once all are answered: a pass that runs cannot be called off. */
const engineMs = 500;

/**
 * Signals of a fault in native code: a handler in JavaScript returns to the very instruction that failed, which then
 * fails without end.
 */
const faults: closeWithGrace.AllEvents[] = ["SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGSEGV"];

export interface ServedApp {
  /** See `prepareGracefulClose`. */
  readonly closeGracefully: (timeoutMs: number) => Promise<void>;
  readonly completer: Completer;
  readonly logger: Logger;
  /** What else ends with it. */
  readonly probe: AsyncDisposable | undefined;
}

/**
 * Ends the server on SIGTERM, SIGINT, SIGHUP or SIGQUIT, and on an error that no code handled. What runs may go on for
 * `timeoutMs`, then ends with what it has come to. Exit code 0 where all that ran was answered in time; 1 where it had
 * to be cut off, by a second signal among them.
 */
export function endOnSignals(
  { closeGracefully, completer, logger, probe }: ServedApp,
  timeoutMs: number,
): void {
  closeWithGrace({ delay: timeoutMs + closeMarginMs, logger: false, skip: faults }, async ({ err }) => {
    if (err !== undefined) logger.fatal({ err }, "closing after an error nobody handled");
    await closeGracefully(timeoutMs);
    await Promise.race([completer[Symbol.asyncDispose](), sleep(engineMs)]);
    await probe?.[Symbol.asyncDispose]();
  });
}
