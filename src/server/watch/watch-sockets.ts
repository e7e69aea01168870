import type { WebSocket } from "@fastify/websocket";
import { WatchSession } from "./watch-session.ts";
import type { SessionOptions } from "./watch-session.ts";

/** Every socket that is open, so that the server can close in good order. */
export class WatchSockets {
  readonly #sessions = new Set<WatchSession>();

  get size(): number {
    return this.#sessions.size;
  }

  open(socket: WebSocket, options: SessionOptions): void {
    const session = new WatchSession(socket, options);
    this.#sessions.add(session);
    void session.closed.then(() => this.#sessions.delete(session));
  }

  /** Lets running requests finish, and closes their sockets. */
  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }
}
