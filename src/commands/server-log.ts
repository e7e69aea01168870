import { pino } from "pino";
import type { Logger } from "pino";

/** Lines that wait for a disk with room, bytes; later ones are dropped. */
const maxLength = 2 ** 20;

/** The server's log, on standard output. Lines that cannot be written are lost, and nothing else with them. */
export function openLog(level: string): Logger {
  const destination = pino.destination({ dest: 1, sync: true, maxLength });
  destination.on("error", () => undefined);
  return pino({ level }, destination);
}
