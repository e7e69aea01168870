import { eventNames, keyProtocolPrefix, watchPath, watchProtocol } from "../server/watch/protocol.ts";
import type { WatchEvent } from "./bodies.ts";
import { ClientError } from "./client-error.ts";
import { Inbox } from "./inbox.ts";

/** What is used of a WebSocket, the browser's or the ws package's. */
interface Socket {
  readonly readyState: number;
  send(text: string): void;
  close(code?: number): void;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number }) => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
}
type SocketConstructor = new (url: string, protocols: string[]) => Socket;

const open = 1;
const messageTooBig = 1009;

/** Opens one connection for all requests that are watched at once, with the first, and closes it with the last. */
export class WatchSocket {
  readonly #url: string;
  readonly #protocols: string[];
  readonly #explain: () => Promise<ClientError>;
  #connection: Connection | undefined;
  #nextId = 0;

  /** @param explain finds out why a socket would not open, which browsers do not say */
  constructor(baseUrl: string, apiKey: string | undefined, explain: () => Promise<ClientError>) {
    const url = new URL(baseUrl + watchPath);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.#url = url.href;
    this.#protocols = [
      watchProtocol,
      ...(apiKey === undefined ? [] : [keyProtocolPrefix + toBase64Url(apiKey)]),
    ];
    this.#explain = explain;
  }

  /** Leaving the iteration, or the signal, cancels the request. */
  async *watch(
    message: object,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<WatchEvent, void, undefined> {
    const id = String(this.#nextId++);
    const inbox = new Inbox();
    const onAbort = (): void => {
      inbox.fail(new ClientError("aborted", "The request was cancelled.", { cause: signal?.reason }));
    };
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    const connection = this.#connect();
    connection.inboxes.set(id, inbox);
    let isOver = false;
    connection.opened.then(
      () => {
        // Whoever has left while the socket opened asks nothing any more.
        if (connection.inboxes.has(id)) connection.send({ ...message, id });
      },
      (error: unknown) => {
        inbox.fail(error);
      },
    );
    try {
      for await (const event of inbox) {
        isOver = event.type === "done" || event.type === "error";
        if (event.type === "error") {
          const { code, message, param } = event.error;
          throw new ClientError(code ?? "internal", message, { param });
        }
        yield event;
        if (isOver) return;
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      connection.inboxes.delete(id);
      if (!isOver) connection.send({ type: "cancel", id });
      if (connection.inboxes.size === 0) this.#drop(connection);
    }
  }

  #connect(): Connection {
    if (this.#connection !== undefined) return this.#connection;
    const connection: Connection = new Connection(this.#url, this.#protocols, {
      explain: this.#explain,
      onLost: () => {
        this.#drop(connection);
      },
    });
    this.#connection = connection;
    return connection;
  }

  #drop(connection: Connection): void {
    if (this.#connection === connection) this.#connection = undefined;
    connection.close();
  }
}

/** One socket, and the inboxes of what is watched over it. */
class Connection {
  readonly inboxes = new Map<string, Inbox>();
  /** Rejects with a ClientError when the socket does not open. */
  readonly opened: Promise<void>;
  readonly #onLost: () => void;
  #socket: Socket | undefined;
  #isClosed = false;

  constructor(
    url: string,
    protocols: string[],
    { explain, onLost }: { explain: () => Promise<ClientError>; onLost: () => void },
  ) {
    this.#onLost = onLost;
    this.opened = this.#open(url, protocols, explain);
    // Callers that wait for it get the error; without any it must not count as unhandled.
    this.opened.catch(onLost);
  }

  /** Does nothing on a socket that is not open. */
  send(message: object): void {
    if (this.#socket?.readyState === open) this.#socket.send(JSON.stringify(message));
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.close(1000);
  }

  async #open(url: string, protocols: string[], explain: () => Promise<ClientError>): Promise<void> {
    const Socket = await socketConstructor();
    const socket = new Socket(url, protocols);
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.#take(data);
    });
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => {
        resolve();
      });
      socket.addEventListener("error", () => {
        // A socket that is left while it opens has failed, too, and nobody asks why.
        if (socket.readyState !== open && !this.#isClosed) void explain().then(reject, reject);
      });
    });
    // Before it was open, what failed is said by the explanation.
    socket.addEventListener("close", ({ code }) => {
      this.#lose(closeError(code));
    });
    if (this.#isClosed) socket.close(1000);
  }

  #take(data: unknown): void {
    const event = parseJson(data);
    if (!isMessage(event)) {
      this.#lose(new ClientError("protocol", "The server sent what is no event."));
      return;
    }
    // A newer server may tell more than was known here.
    if (!isEvent(event)) return;
    if (event.id !== null) this.inboxes.get(event.id)?.push(event);
    else if (event.type === "error") this.#lose(new ClientError("protocol", event.error.message));
  }

  #lose(error: ClientError): void {
    for (const inbox of this.inboxes.values()) inbox.fail(error);
    this.#onLost();
  }
}

function closeError(code: number): ClientError {
  return code === messageTooBig
    ? new ClientError("invalid_request", "The request is larger than the server takes.")
    : new ClientError("connection_lost", `The connection to the server was lost (close code ${code}).`);
}

/** The platform's own WebSocket; Node 20 has none, so there the ws package's. */
async function socketConstructor(): Promise<SocketConstructor> {
  const { WebSocket } = globalThis as { WebSocket?: SocketConstructor };
  return WebSocket ?? (await import("ws")).WebSocket;
}

function parseJson(data: unknown): unknown {
  try {
    return JSON.parse(String(data));
  } catch {
    return undefined;
  }
}

interface Message {
  readonly type: string;
  readonly id: string | null;
}

/** Whether a message says what it is, and which request it is about. */
function isMessage(value: unknown): value is Message {
  if (typeof value !== "object" || value === null) return false;
  const { type, id } = value as Partial<Message>;
  return typeof type === "string" && (typeof id === "string" || id === null);
}

const isEvent = (message: Message | WatchEvent): message is WatchEvent =>
  (eventNames as readonly string[]).includes(message.type);

function toBase64Url(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
