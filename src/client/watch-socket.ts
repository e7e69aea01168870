import { keyProtocolPrefix, watchEvent, watchPath, watchProtocol } from "../server/watch/messages.ts";
import type { WatchEvent } from "../server/watch/messages.ts";
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

/** One socket for all requests that are watched at once. It opens with the first and closes with the last. */
export class WatchSocket {
  readonly #url: string;
  readonly #protocols: string[];
  readonly #explain: () => Promise<ClientError>;
  readonly #inboxes = new Map<string, Inbox>();
  #socket: Promise<Socket> | undefined;
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
    this.#inboxes.set(id, inbox);
    let isOver = false;
    try {
      const socket = await this.#connect();
      socket.send(JSON.stringify({ ...message, id }));
      for await (const event of inbox) {
        isOver = event.type === "done" || event.type === "error";
        if (event.type === "error") {
          throw new ClientError(event.error.code ?? "internal", event.error.message, {
            param: event.error.param,
          });
        }
        yield event;
        if (isOver) return;
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#inboxes.delete(id);
      await this.#leave(id, isOver);
    }
  }

  #connect(): Promise<Socket> {
    this.#socket ??= this.#open();
    return this.#socket;
  }

  async #open(): Promise<Socket> {
    const Socket = await socketConstructor();
    const socket = new Socket(this.#url, this.#protocols);
    socket.addEventListener("message", ({ data }) => {
      this.#take(data);
    });
    socket.addEventListener("close", ({ code }) => {
      this.#lose(closeError(code));
    });
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => {
        resolve(socket);
      });
      socket.addEventListener("error", () => {
        if (socket.readyState === open) return;
        this.#socket = undefined;
        void this.#explain().then(reject, reject);
      });
    });
  }

  #take(data: unknown): void {
    const parsed = watchEvent.safeParse(parseJson(data));
    if (!parsed.success) {
      this.#lose(new ClientError("protocol", `The server sent what is no event: ${parsed.error.message}`));
      return;
    }
    const event = parsed.data;
    if (event.id !== null) this.#inboxes.get(event.id)?.push(event);
    else if (event.type === "error") this.#lose(new ClientError("protocol", event.error.message));
  }

  #lose(error: ClientError): void {
    this.#socket = undefined;
    for (const inbox of this.#inboxes.values()) inbox.fail(error);
  }

  async #leave(id: string, isOver: boolean): Promise<void> {
    const opening = this.#socket;
    const socket = await opening?.catch(() => undefined);
    if (socket?.readyState !== open) return;
    if (!isOver) socket.send(JSON.stringify({ type: "cancel", id }));
    if (this.#inboxes.size > 0 || this.#socket !== opening) return;
    this.#socket = undefined;
    socket.close(1000);
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

function toBase64Url(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
