import type { WebSocket } from "@fastify/websocket";
import { Backlog } from "./backlog.ts";
import type { WatchEvent } from "./messages.ts";

/** Bytes that may wait for a slow reader before its events are boiled down to the latest state. */
const congestedBytes = 64 * 1024;

/** Bytes of answers that may wait before nothing more is read from a client that reads nothing. */
const blockedBytes = 1024 * 1024;

/**
 * Sends events over a socket, to each request's reader in order. A reader that falls behind gets the latest state
 * instead of a queue; one that stops is not listened to until it reads again.
 */
export class Outbox {
  readonly #socket: WebSocket;
  readonly #onSent: () => void;
  readonly #backlogs = new Map<string, Backlog>();

  /** @param onSent called whenever bytes went out: the reader is alive */
  constructor(socket: WebSocket, onSent: () => void) {
    this.#socket = socket;
    this.#onSent = onSent;
  }

  /** Sends what a later event may supersede. */
  push(id: string, event: WatchEvent): void {
    const backlog = this.#backlogs.get(id);
    if (backlog === undefined && this.#socket.bufferedAmount <= congestedBytes) {
      this.#send(event);
      return;
    }
    if (backlog !== undefined) {
      backlog.add(event);
      return;
    }
    const fresh = new Backlog();
    fresh.add(event);
    this.#backlogs.set(id, fresh);
  }

  /** Sends what must arrive, after all that was pushed before. */
  end(event: WatchEvent & { type: "done" | "error" }): void {
    if (event.id !== null) this.#flush(event.id);
    this.#send(event);
    if (this.#socket.bufferedAmount > blockedBytes) this.#socket.pause();
  }

  #send(event: WatchEvent): void {
    this.#socket.send(JSON.stringify(event), (error) => {
      if (error instanceof Error) return;
      this.#onSent();
      if (this.#socket.bufferedAmount <= congestedBytes / 2) this.#drain();
    });
  }

  #drain(): void {
    this.#socket.resume();
    for (const id of this.#backlogs.keys()) this.#flush(id);
  }

  #flush(id: string): void {
    const backlog = this.#backlogs.get(id);
    this.#backlogs.delete(id);
    for (const event of backlog?.take() ?? []) this.#send(event);
  }
}
