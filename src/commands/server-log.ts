import type { Writable } from "node:stream";
import { pino } from "pino";
import type { Logger } from "pino";

/** What may wait for a reader that is slow, bytes; lines beyond it are lost. */
const maxUnread = 2 ** 20;

/**
 * The server's log, on standard output. Lines that cannot be written (a full disk, a reader that left or stopped
 * reading) are lost, and nothing else with them: no request waits for the log. How many a slow reader missed is said in
 * the line that it can read next.
 */
export function openLog(level: string, output: Writable = process.stdout): Logger {
  let lost = 0;
  const write = (line: string): void => {
    if (output.writableLength > maxUnread) {
      lost++;
      return;
    }
    if (lost > 0) output.write(`${JSON.stringify({ level: 40, time: Date.now(), msg: missed(lost) })}\n`);
    lost = 0;
    output.write(line);
  };
  return pino({ level }, { write });
}

const missed = (lines: number): string =>
  `${lines} lines of the log were lost: what reads it is slower than they came`;
