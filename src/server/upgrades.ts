import { Server } from "node:http";
import type { IncomingMessage, ServerOptions } from "node:http";
import type { Duplex } from "node:stream";
import type { RunningAnswers } from "./running-answers.ts";
import { watchPath } from "./watch/protocol.ts";

/**
 * Whether a request asks for the one protocol offered beside HTTP/1.1, WebSocket, where it is spoken, and does so
 * completely (RFC 6455, section 4.2.1).
 */
function isOffered({ method, httpVersion, url = "", headers }: IncomingMessage): boolean {
  const path = url.split("?")[0]!.replaceAll(/\/+/g, "/").replace(/\/$/, "");
  const protocols = (headers.upgrade ?? "").split(",").map((name) => name.trim().toLowerCase());
  return (
    method === "GET" &&
    httpVersion === "1.1" &&
    path === watchPath &&
    protocols.includes("websocket") &&
    /^[+/0-9A-Za-z]{22}==$/.test(headers["sec-websocket-key"] ?? "") &&
    headers["sec-websocket-version"] === "13"
  );
}

/**
 * From version 25 on, Node reads the bodies of requests that ask for an upgrade, which then cannot be handed back; it
 * asks before instead.
 */
const asksBefore = Number(process.versions.node.split(".")[0]) >= 25;

/** Goes to the constructor of the HTTP server. */
export const upgradeOptions: ServerOptions & { shouldUpgradeCallback?: typeof isOffered } = asksBefore
  ? { shouldUpgradeCallback: isOffered }
  : {};

/**
 * An upgrade that is not offered is to be ignored, and the request answered over HTTP/1.1 (RFC 9110, section 7.8).
 * But a Node server that listens for upgrades is given every request that asks for any, and reads no more of them.
 * @returns emits `upgrade` for what is offered, and never listens itself
 */
export function offeredUpgrades(server: Server, answers: RunningAnswers): Server {
  const offered = new Server();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    answers.after(socket, () => {
      // ws wants one protocol, and of several this one was chosen.
      if (isOffered(request))
        offered.emit(
          "upgrade",
          Object.assign(request, { headers: { ...request.headers, upgrade: "websocket" } }),
          socket,
          head,
        );
      else handBack(server, request, socket, head);
    });
  });
  return offered;
}

/** Has the server read a request once more, from its first byte, as one that asks for no upgrade. */
function handBack(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index]!;
    if (name.toLowerCase() !== "upgrade") lines.push(`${name}: ${request.rawHeaders[index + 1]}`);
  }
  // The time that a connection may be idle, which the answer before may have set.
  request.socket.setTimeout(0);
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]));
  server.emit("connection", socket);
}
