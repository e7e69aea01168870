import { METHODS, STATUS_CODES } from "node:http";
import type { IncomingMessage, ServerOptions, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { FastifyInstance } from "fastify";
import { refusal, toErrorResponse, wrongRoute } from "./errors.ts";
import type { RouteTable } from "./route-table.ts";
import type { RunningAnswers } from "./running-answers.ts";

/** What Node's parser and its clock say of a request that never came to be. */
interface ProtocolError extends Error {
  readonly code?: string;
  /** What the parser says, in words. */
  readonly reason?: string;
  /** The bytes that it stopped in, and how many of them it had read. */
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

interface ProtocolRefusal {
  readonly statusCode: number;
  readonly message: string;
  readonly allow?: string;
  /** `invalid_request` when left out. */
  readonly code?: "overloaded";
}

const known: Readonly<Record<string, ProtocolRefusal>> = {
  HPE_HEADER_OVERFLOW: {
    statusCode: 431,
    message: "The request's line and headers are too large together; 16 KiB are read. Send less of them.",
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    statusCode: 413,
    message: "The body's chunk extensions are too large. Send none.",
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    statusCode: 408,
    message: "The request did not arrive in time. Send it whole, without pauses.",
  },
  HPE_PAUSED_H2_UPGRADE: {
    statusCode: 400,
    message: "This server speaks HTTP/1.1, not HTTP/2 by prior knowledge. Send the request over HTTP/1.1.",
  },
};

/** Goes to the constructor of the HTTP server, whose own refusal has no body. */
export const protocolOptions = { requireHostHeader: false } satisfies ServerOptions;

/** Of two of these a proxy may have read the one, and this server the other. */
const sentOnce = ["Host", "Authorization", "Content-Type", "Origin"];

/** How long a client may take to read that it was refused, ms. */
const lingerMs = 5000;

/** Answers in OpenAI's error shape what fails before there is a request: nothing of Fastify's can. */
export function answerProtocolErrors(
  app: FastifyInstance,
  answers: RunningAnswers,
  routes: RouteTable,
): void {
  const { server } = app;
  app.addHook("onRequest", ({ raw }, _reply, next) => {
    const names = raw.rawHeaders.filter((_, index) => index % 2 === 0);
    // Node before 20.20 reads such headers, which other servers on the way read as others.
    if (names.some((name) => /\s$/.test(name))) {
      next(refusal("malformed", "A header's name ends at its colon. Leave no space between them."));
      return;
    }
    const sent = (header: string): number =>
      names.filter((name) => name.toLowerCase() === header.toLowerCase()).length;
    const twice = sentOnce.find((header) => sent(header) > 1);
    const missing = sent("Host") === 0 && raw.httpVersion !== "1.0" ? "Host" : undefined;
    const wrong = twice ?? missing;
    next(
      wrong === undefined
        ? undefined
        : refusal("malformed", `A request has one header ${wrong}. Send it once.`),
    );
  });
  server.on("clientError", (error: ProtocolError, socket) => {
    if (socket.writableEnded) return;
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    const answer = answers.on(socket);
    const refuse = (): void => {
      refuseOn(socket, describe(error, routes));
    };
    // What is wrong is either a later request, or the rest of the one that is being answered.
    if (answer?.req.complete === true) answers.after(socket, refuse);
    else if (answer?.headersSent === true) socket.destroy();
    else refuse();
  });
  server.on("connect", (request: IncomingMessage, socket: Duplex) => {
    answers.after(socket, () => {
      refuseOn(socket, wrongMethod("CONNECT", request.url ?? "", routes.methods));
    });
  });
  server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
    const message = `Nothing is known of \`expect: ${request.headers.expect}\`; only 100-continue is met. Leave the header out.`;
    refuseBy(response, { statusCode: 417, message });
  });
}

/** Refuses on a connection that no parser reads any more, and closes it. */
export function refuseOn(socket: Duplex, refused: ProtocolRefusal): void {
  const { head, body } = format(refused);
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
  const drop = (): void => {
    socket.destroy();
  };
  socket.on("error", drop);
  socket.end(
    `HTTP/1.1 ${refused.statusCode} ${STATUS_CODES[refused.statusCode]}\r\n${lines.join("")}\r\n${body}`,
  );
  // A connection closed with bytes unread is reset, and the answer lost with it.
  socket.resume();
  setTimeout(drop, lingerMs).unref();
}

/** Refuses a request before any of Fastify's is made of it, and closes its connection. */
export function refuseBy(response: ServerResponse, refused: ProtocolRefusal): void {
  const { head, body } = format(refused);
  response.writeHead(refused.statusCode, head).end(body);
}

function format({ statusCode, message, allow, code }: ProtocolRefusal): {
  head: Record<string, string>;
  body: string;
} {
  const body = JSON.stringify(toErrorResponse({ code: code ?? "invalid_request", message }));
  const head = {
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(body)),
    "x-should-retry": String(statusCode === 408 || code === "overloaded"),
    ...(code === "overloaded" ? { "retry-after": "1" } : {}),
    ...(allow === undefined ? {} : { allow }),
    date: new Date().toUTCString(),
    connection: "close",
  };
  return { head, body };
}

function describe(error: ProtocolError, routes: RouteTable): ProtocolRefusal {
  const packet = error.rawPacket?.toString("latin1") ?? "";
  // Requests that came before it in the same packet have been read.
  const line = packet.slice(packet.lastIndexOf("\n", error.bytesParsed) + 1);
  const [, method, target] = /^([\w!#$%&'*+.^`|~-]+) (\S+) HTTP\/1\.[01]\r?\n/.exec(line) ?? [];
  if (error.code === "HPE_INVALID_METHOD" && method !== undefined && !METHODS.includes(method))
    return wrongMethod(method, target!, routes.methodsAt(target!));
  return (
    known[error.code ?? ""] ?? {
      statusCode: 400,
      message: `The request is not HTTP as it should be: ${error.reason ?? error.message}.`,
    }
  );
}

function wrongMethod(method: string, target: string, methods: readonly string[]): ProtocolRefusal {
  const { statusCode, message } = wrongRoute(method, target, methods);
  return { statusCode, message, ...(methods.length === 0 ? {} : { allow: methods.join(", ") }) };
}
