import type { WebSocket } from "@fastify/websocket";

/** Whether messages of a socket are read from its connection: not while any holder has more than enough of them. */
export class Reading {
  readonly #socket: Pick<WebSocket, "pause" | "resume">;
  readonly #holders = new Set<object>();

  constructor(socket: Pick<WebSocket, "pause" | "resume">) {
    this.#socket = socket;
  }

  hold(holder: object): void {
    this.#holders.add(holder);
    this.#socket.pause();
  }

  release(holder: object): void {
    if (this.#holders.delete(holder) && this.#holders.size === 0) this.#socket.resume();
  }
}
