import type { Socket } from "node:net";
import type { WebSocket } from "@fastify/websocket";
import type { BodyBudget } from "../body-budget.ts";

/** Try again later, in WebSocket's table of close codes. */
const tryAgainLater = 1013;

/** How long the peer may take to read that, ms. */
const lingerMs = 500;

/** Counts what has come of a socket's next message towards the bodies in memory: it may come in parts, as slowly as it likes. */
export function countMessages(
  socket: WebSocket,
  { connection, client, bodies }: { connection: Socket; client: string; bodies: BodyBudget },
): void {
  const hold = bodies.hold(client, () => {
    socket.close(tryAgainLater, "The server holds as many bodies as it may.");
    setTimeout(() => {
      socket.terminate();
    }, lingerMs).unref();
  });
  connection.on("data", (bytes: Buffer) => {
    hold.add(bytes.length);
  });
  socket.on("message", () => {
    hold.restart();
  });
  socket.once("close", () => {
    hold[Symbol.dispose]();
  });
}
