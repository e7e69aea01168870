import { closeSync, openSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, Server, ServerOptions, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { devNull } from "node:os";
import type { FastifyBaseLogger } from "fastify";
import { openConnections, unitOf } from "./connection-limits.ts";
import type { ConnectionLimits } from "./connection-limits.ts";
import { isOutOfDescriptors } from "./errors.ts";
import { refuseBy } from "./protocol-errors.ts";
import type { TrustProxy } from "./trusted-proxies.ts";
import { nextTurn } from "./turns.ts";
import { WriteProgress } from "./write-progress.ts";

/** Connections beyond the limits that are still heard: /health is answered on them, anything else refused. */
const reserve = 32;

/** Requests of one connection that may wait for their answers: what is pipelined beyond ends the connection. */
const maxPipelined = 100;

/** Longest time between looks at all connections, ms. */
const maxLookIntervalMs = 5000;

interface Connection {
  readonly socket: Socket;
  /** All connections of its peer that may have to make room for each other. */
  readonly peers: Peers;
  /** Requests without an answer, and the answers that they will have. */
  readonly requests: Map<IncomingMessage, ServerResponse>;
  readonly progress: WriteProgress;
  /** Requests on a WebSocket. */
  holds: number;
  waitingSince: number;
  isUpgraded: boolean;
}

interface Peers {
  readonly limit: number;
  count: number;
  readonly waiting: Set<Connection>;
}

/**
 * The connections of all clients. As many are open as the limits allow; where a new one finds no place, the one that
 * has waited longest for a request, or for the rest of one, makes room: no client locks others out by being silent.
 * Where all are being answered, new ones are refused, except for /health.
 */
export class Connections implements Disposable {
  readonly #limits: ConnectionLimits;
  readonly #trustProxy: TrustProxy;
  readonly #log: FastifyBaseLogger | undefined;
  readonly #open = new Map<Socket, Connection>();
  readonly #refused = new Map<Connection, string>();
  readonly #peers = new Map<string, Peers>();
  /** Of those that are not being answered, in the order in which they began to wait; others may still stand in it. */
  readonly #waiting = new Set<Connection>();
  readonly #look: NodeJS.Timeout;

  constructor(
    limits: Partial<ConnectionLimits>,
    { trustProxy, log }: { readonly trustProxy: TrustProxy; readonly log: FastifyBaseLogger | undefined },
  ) {
    this.#limits = openConnections(limits);
    this.#trustProxy = trustProxy;
    this.#log = log;
    const { idleTimeoutMs, writeTimeoutMs } = this.#limits;
    this.#look = setInterval(
      () => {
        this.#lookAtAll();
      },
      Math.min(maxLookIntervalMs, idleTimeoutMs / 4, writeTimeoutMs / 4),
    );
    this.#look.unref();
  }

  /** An HTTP server whose connections are kept to the limits. */
  createServer(handler: RequestListener, options: ServerOptions): Server {
    const { headersTimeoutMs, bodyTimeoutMs, idleTimeoutMs } = this.#limits;
    const server = createServer(
      {
        ...options,
        headersTimeout: Math.min(headersTimeoutMs, bodyTimeoutMs),
        requestTimeout: bodyTimeoutMs,
        keepAliveTimeout: idleTimeoutMs,
        connectionsCheckingInterval: Math.min(maxLookIntervalMs, headersTimeoutMs / 4),
        // The kernel asks a silent peer whether it is there: one that lost its power never says that it left.
        keepAlive: true,
        keepAliveInitialDelay: 60_000,
      },
      (request, response) => {
        this.#take(request, response, handler);
      },
    );
    // Before the server's own listener, so that each connection is known before its first request.
    server.prependListener("connection", (socket: Socket) => {
      this.#admit(socket);
    });
    server.on("upgrade", ({ socket }: IncomingMessage) => {
      const connection = this.#open.get(socket);
      if (connection !== undefined) connection.isUpgraded = true;
    });
    server.on("error", (error) => {
      if (isOutOfDescriptors(error)) this.#makeDescriptors(error);
    });
    return server;
  }

  /** Keeps the connection of a WebSocket's request in place until it is answered. */
  hold(socket: Socket): Disposable {
    const connection = this.#open.get(socket);
    if (connection === undefined) return { [Symbol.dispose]: () => undefined };
    connection.holds++;
    return {
      [Symbol.dispose]: () => {
        connection.holds--;
        this.#wait(connection);
      },
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#look);
  }

  #admit(socket: Socket): void {
    // An upgrade that is not offered hands its connection back to the server.
    if (this.#open.has(socket)) return;
    const unit = this.#trustProxy(socket.remoteAddress) ? undefined : unitOf(socket.remoteAddress ?? "");
    const peers = this.#peersOf(unit);
    peers.count++;
    const connection: Connection = {
      socket,
      peers,
      requests: new Map(),
      progress: new WriteProgress(socket),
      holds: 0,
      waitingSince: performance.now(),
      isUpgraded: false,
    };
    this.#open.set(socket, connection);
    socket.once("close", () => {
      this.#forget(connection);
      if (unit !== undefined && peers.count === 0) this.#peers.delete(unit);
      closeUnsent(connection.requests.values());
    });
    this.#findPlace(connection);
    this.#wait(connection);
  }

  /** A trusted proxy's connections are many clients', which its own limits tell apart. */
  #peersOf(unit: string | undefined): Peers {
    const known = unit === undefined ? undefined : this.#peers.get(unit);
    if (known !== undefined) return known;
    const peers = {
      limit: unit === undefined ? Infinity : this.#limits.maxPerAddress,
      count: 0,
      waiting: new Set<Connection>(),
    };
    if (unit !== undefined) this.#peers.set(unit, peers);
    return peers;
  }

  #findPlace(connection: Connection): void {
    const { peers } = connection;
    const { maxConnections } = this.#limits;
    if (peers.count > peers.limit && !this.#evict(peers.waiting)) {
      this.#refuse(
        connection,
        `Your address has ${peers.limit} connections in use, as many as it may. Use them again, or raise serve --connections-per-address.`,
      );
    } else if (this.#open.size - this.#refused.size > maxConnections && !this.#evict(this.#waiting)) {
      this.#refuse(
        connection,
        `All ${maxConnections} connections of this server are in use. Try again; the operator may raise serve --max-connections.`,
      );
    }
  }

  #refuse(connection: Connection, why: string): void {
    this.#refused.set(connection, why);
    if (this.#refused.size <= reserve) return;
    const oldest = [...this.#refused.keys()].find(
      (refused) => refused !== connection && !isAnswered(refused),
    );
    this.#drop(oldest ?? connection, "it is beyond all limits");
  }

  /** Ends the connection that has waited longest. @returns whether there was one */
  #evict(waiting: Set<Connection>): boolean {
    for (const connection of waiting) {
      waiting.delete(connection);
      if (isAnswered(connection)) continue;
      this.#drop(connection, "a new connection took its place");
      return true;
    }
    return false;
  }

  #take(request: IncomingMessage, response: ServerResponse, handler: RequestListener): void {
    const { socket } = request;
    const connection = this.#open.get(socket);
    if (connection !== undefined && connection.requests.size >= maxPipelined)
      this.#drop(connection, `it sent more than ${maxPipelined} requests without waiting for an answer`);
    // The parser hands over all that one packet holds, though its connection was dropped meanwhile.
    if (connection === undefined || socket.destroyed) {
      closeUnsent([response]);
      return;
    }
    const { requests } = connection;
    const before = [...requests.values()].at(-1);
    connection.isUpgraded = false;
    requests.set(request, response);
    response.once("close", () => {
      requests.delete(request);
      this.#wait(connection);
    });
    const refused = this.#refused.get(connection);
    if (refused !== undefined) response.setHeader("connection", "close");
    if (refused !== undefined && !isProbe(request)) {
      refuseBy(response, { statusCode: 429, code: "overloaded", message: refused });
    } else if (before === undefined) handler(request, response);
    else {
      // One packet holds hundreds of them, and those of other clients wait until all that it holds is handled.
      const handle = (): void => {
        void nextTurn().then(() => {
          if (!socket.destroyed) handler(request, response);
        });
      };
      if (isForReading(request)) before.once("close", handle);
      else handle();
    }
  }

  #wait(connection: Connection): void {
    if (connection.socket.destroyed || this.#refused.has(connection)) return;
    connection.waitingSince = performance.now();
    for (const waiting of [this.#waiting, connection.peers.waiting]) {
      waiting.delete(connection);
      waiting.add(connection);
    }
  }

  /** Ends connections that neither send nor read: Node sees neither between requests, nor in the midst of an answer. */
  #lookAtAll(): void {
    const { idleTimeoutMs, headersTimeoutMs, writeTimeoutMs } = this.#limits;
    const now = performance.now();
    this.#lookForDescriptors();
    for (const connection of this.#open.values()) {
      const isSilent =
        !connection.isUpgraded &&
        connection.requests.size === 0 &&
        now - connection.waitingSince > idleTimeoutMs + headersTimeoutMs;
      if (isSilent) this.#drop(connection, "no request came");
      else if (connection.progress.stalledFor(now) >= writeTimeoutMs)
        this.#drop(connection, "its client reads nothing of what it is sent");
    }
  }

  /**
   * Without a descriptor the event loop accepts connections only to close them, and says nothing; those that wait would
   * lock others out for as long as they like.
   */
  #lookForDescriptors(): void {
    try {
      closeSync(openSync(devNull, "r"));
    } catch (error) {
      if (isOutOfDescriptors(error)) this.#makeDescriptors(error);
    }
  }

  #makeDescriptors(error: unknown): void {
    this.#log?.error({ err: error }, "no descriptor is left for a connection: raise the limit (ulimit -n)");
    for (let count = 0; count < reserve && this.#evict(this.#waiting); count++);
  }

  #drop(connection: Connection, why: string): void {
    this.#log?.info({ remoteAddress: connection.socket.remoteAddress }, `a connection was closed: ${why}`);
    this.#forget(connection);
    connection.socket.destroy();
  }

  #forget(connection: Connection): void {
    if (!this.#open.delete(connection.socket)) return;
    connection.peers.count--;
    this.#refused.delete(connection);
    this.#waiting.delete(connection);
    connection.peers.waiting.delete(connection);
  }
}

/** Node tells the answer that stands first on a connection that it is closed, and none that waits behind it. */
function closeUnsent(responses: Iterable<ServerResponse>): void {
  setImmediate(() => {
    for (const response of responses) response.destroy().emit("close");
  });
}

/** Whether a request has come whole and its answer has not; the time that it takes is the server's. */
function isAnswered({ requests, holds }: Connection): boolean {
  if (holds > 0) return true;
  for (const request of requests.keys()) if (request.complete) return true;
  return false;
}

/**
 * Whether a request may be left to wait for the answer before it, which goes out first in any case: made at once, it
 * would wait with the file that it is read from open. Others are let in by what they take, and their bodies have to
 * be read within their time.
 */
const isForReading = ({ method }: IncomingMessage): boolean => method === "GET" || method === "HEAD";

const isProbe = ({ method, url = "" }: IncomingMessage): boolean =>
  (method === "GET" || method === "HEAD") && /^\/+(health|ping)\/?(\?|$)/.test(url);
