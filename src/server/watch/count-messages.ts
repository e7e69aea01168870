import type { Socket } from "node:net";
import type { WebSocket } from "@fastify/websocket";
import type { BodyBudget } from "../body-budget.ts";

/** Try again later, in WebSocket's table of close codes. */
const tryAgainLater = 1013;

/** How long the peer may take to read that, ms. */
const lingerMs = 500;

/** Of a ping or a pong that a client sends, beside its data: two bytes, and the mask (RFC 6455, section 5.2). */
const controlHeaderBytes = 6;

/**
 * Counts a socket's messages towards the bodies in memory: what has come of the next one, which may come in parts, as
 * slowly as it likes, and each that has come, until it is done with.
 * @returns counts a message that has come whole, of so many bytes, until the hold is disposed of
 */
export function countMessages(
  socket: WebSocket,
  { connection, client, bodies }: { connection: Socket; client: string; bodies: BodyBudget },
): (bytes: number) => Disposable {
  const coming = bodies.hold(client, () => {
    socket.close(tryAgainLater, "The server holds as many bodies as it may.");
    setTimeout(() => {
      socket.terminate();
    }, lingerMs).unref();
  });
  connection.on("data", (bytes: Buffer) => {
    coming.add(bytes.length);
  });
  // They are no part of a message, and a client that only watches sends them for days.
  const leaveOut = (data: Buffer): void => {
    coming.add(-(data.length + controlHeaderBytes));
  };
  socket.on("ping", leaveOut);
  socket.on("pong", leaveOut);
  socket.once("close", () => {
    coming[Symbol.dispose]();
  });
  return (bytes) => {
    coming.restart();
    const whole = bodies.hold(client);
    whole.add(bytes);
    return whole;
  };
}
