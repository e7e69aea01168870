import type { WebSocket } from "@fastify/websocket";

/** Pings and pongs that a socket may send at once, and each second for good. */
const burst = 1000;
const perSecond = 100;

/** Bytes that may wait for a reader before its pings are left unanswered. */
const congestedBytes = 64 * 1024;

/** Policy violation, in WebSocket's table of close codes. */
const policyViolation = 1008;

/**
 * Answers a socket's pings, unless what it was sent before still waits: of several pings the latest alone has to be
 * answered (RFC 6455, section 5.5.3). A peer that floods the server with pings or pongs loses its socket.
 */
export function answerPings(socket: WebSocket): void {
  let left = burst;
  let countedAt = performance.now();
  const count = (): boolean => {
    const now = performance.now();
    left = Math.min(burst, left + ((now - countedAt) * perSecond) / 1000) - 1;
    countedAt = now;
    if (left >= 0) return true;
    socket.close(policyViolation, "More pings and pongs came than a socket may send.");
    // A peer that goes on would not answer the closing handshake.
    socket.terminate();
    return false;
  };
  socket.on("ping", (data) => {
    if (count() && socket.readyState === socket.OPEN && socket.bufferedAmount <= congestedBytes)
      socket.pong(data);
  });
  socket.on("pong", count);
}
