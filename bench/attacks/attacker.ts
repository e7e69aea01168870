/**
 * A process that attacks a server until it is ended: `attacker.ts URL CONTEXT NAME...`. It stands back behind the server
 * and its clients where the processor is short.
 */
import { setMaxListeners } from "node:events";
import { setPriority } from "node:os";
import { attacks } from "./catalog.ts";

const [address = "", context = "", ...names] = process.argv.slice(2);
setPriority(10);
const ending = new AbortController();
setMaxListeners(0, ending.signal);
process.on("SIGTERM", () => {
  ending.abort();
});
const { hostname, port } = new URL(address);
const target = {
  host: hostname,
  port: Number(port),
  context: Number(context),
  signal: ending.signal,
};
// Connections that neither read nor write would let the process end.
setInterval(() => undefined, 1_000);
// On Linux all of 127.0.0.0/8 is this machine. From one address, one attack's connections would keep the others out.
const addressOf = (index: number): string | undefined =>
  process.platform === "linux" ? `127.0.0.${66 + index}` : undefined;
await Promise.all(names.map((name, index) => attacks[name]!({ ...target, localAddress: addressOf(index) })));
process.exit(0);
