/** The thread of `ProbeServer`: answers probers, and nothing else. */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { EngineLine } from "./engine-line.ts";
import { beatMs } from "./protocol.ts";
import type { ProbeData, ProbeStart, ToProbe } from "./protocol.ts";

/** From this delay on a thread counts as stalled, ms: no request takes it for as long. */
const stalledMs = 10_000;

/** How long a prober may take to ask, and may stay, ms. */
const patienceMs = 8_000;

/** Connections at once; the oldest makes room for a new one, so that no number of them keeps a prober out. */
const mostConnections = 64;

const parent = parentPort;
if (parent === null) throw new Error("this script runs in a worker thread");
const { host, port, beats } = workerData as ProbeData;
const engine = new EngineLine();

/** How much longer ago the server's thread last turned than it should have, ms. */
const delayMs = (): number =>
  Math.max(0, Number((process.hrtime.bigint() - Atomics.load(beats, 0)) / 1_000_000n) - beatMs);

async function tellHealth(): Promise<{ statusCode: number; body: object }> {
  const health = await engine.health();
  const delay = delayMs();
  const status = health.status !== "ok" ? health.status : delay < stalledMs ? "ok" : "stalled";
  return {
    statusCode: status === "ok" ? 200 : 503,
    body: { status, server_delay_ms: delay, ...(health.reason !== undefined && { reason: health.reason }) },
  };
}

const notFound = {
  statusCode: 404,
  body: {
    error: {
      message: "Of this port /health alone is answered, to GET.",
      type: "invalid_request_error",
      param: null,
      code: "invalid_request",
    },
  },
};

async function answer({ method = "", url }: IncomingMessage, response: ServerResponse): Promise<void> {
  const isProbe = ["GET", "HEAD"].includes(method) && url?.split("?")[0] === "/health";
  const { statusCode, body } = isProbe ? await tellHealth() : notFound;
  response.writeHead(statusCode, { "content-type": "application/json; charset=utf-8", connection: "close" });
  response.end(JSON.stringify(body));
}

const server = createServer(
  { requestTimeout: patienceMs, headersTimeout: patienceMs },
  (request, response) => {
    request.resume();
    void answer(request, response);
  },
);

// Each is answered once; what is pipelined behind would ask the engine by the thousand.
server.maxRequestsPerSocket = 1;

const connections = new Set<Socket>();
server.on("connection", (socket) => {
  socket.setTimeout(patienceMs, () => {
    socket.destroy();
  });
  connections.add(socket);
  socket.once("close", () => connections.delete(socket));
  if (connections.size > mostConnections) for (const oldest of [...connections].slice(0, 1)) oldest.destroy();
});

const tell = (start: ProbeStart): void => {
  parent.postMessage(start);
};
server.once("error", (error: NodeJS.ErrnoException) => {
  tell({ type: "failed", problem: error.code ?? error.message });
});
server.listen(port, host, () => {
  // What goes wrong later concerns single connections.
  server.removeAllListeners("error").on("error", () => undefined);
  const { address, family, port: chosen } = server.address() as AddressInfo;
  tell({ type: "listening", url: `http://${family === "IPv6" ? `[${address}]` : address}:${chosen}/health` });
});
parent.on("message", (message: ToProbe) => {
  if (message.type === "loading") engine.load(message.what);
  else engine.connect(message.port);
});
