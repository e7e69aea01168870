import type { WebSocket } from "@fastify/websocket";
import { Backlog } from "./backlog.ts";
import type { WatchEvent } from "./messages.ts";
import type { Reading } from "./reading.ts";
import { nextTurn } from "../turns.ts";

/** Bytes that may wait for a slow reader before its events are boiled down to the latest state. */
const congestedBytes = 64 * 1024;

/** Bytes of answers that may wait before nothing more is read from a client that reads nothing. */
const blockedBytes = 1024 * 1024;

/** Events sent in one turn of the event loop of those that were missed: a millisecond or two. */
const pieceLength = 64;

/**
 * Sends events over a socket, to each request's reader in order. A reader that falls behind gets the latest state
 * instead of a queue; one that stops is not listened to until it reads again.
 */
export class Outbox {
  readonly #socket: WebSocket;
  readonly #reading: Reading;
  readonly #onSent: () => void;
  readonly #backlogs = new Map<string, Backlog>();
  /** What was missed and is on its way, with the ends of requests behind. */
  #queue: WatchEvent[] = [];
  #isWaiting = false;

  /** @param onSent called whenever bytes went out: the reader is alive */
  constructor(socket: WebSocket, reading: Reading, onSent: () => void) {
    this.#socket = socket;
    this.#reading = reading;
    this.#onSent = onSent;
  }

  /** Sends what a later event may supersede. */
  push(id: string, event: WatchEvent): void {
    const backlog = this.#backlogs.get(id);
    const isFree = this.#queue.length === 0 && this.#socket.bufferedAmount <= congestedBytes;
    if (backlog === undefined && isFree) {
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
    if (event.id !== null) this.#queueMissed(event.id);
    this.#queue.push(event);
    this.#sendQueue();
    if (this.#socket.bufferedAmount > blockedBytes) this.#reading.hold(this);
  }

  #send(event: WatchEvent): void {
    this.#socket.send(JSON.stringify(event), (error) => {
      if (error instanceof Error) return;
      this.#onSent();
      if (this.#socket.bufferedAmount <= congestedBytes / 2) this.#drain();
    });
  }

  #drain(): void {
    this.#reading.release(this);
    if (this.#queue.length > 0) return;
    for (const id of this.#backlogs.keys()) this.#queueMissed(id);
    this.#sendQueue();
  }

  #queueMissed(id: string): void {
    for (const event of this.#backlogs.get(id)?.take() ?? []) this.#queue.push(event);
    this.#backlogs.delete(id);
  }

  /** Sends a piece of the queue, and the rest in later turns. */
  #sendQueue(): void {
    if (this.#isWaiting) return;
    const piece = this.#queue.slice(0, pieceLength);
    this.#queue = this.#queue.slice(pieceLength);
    for (const event of piece) this.#send(event);
    if (this.#queue.length === 0) return;
    this.#isWaiting = true;
    void nextTurn().then(() => {
      this.#isWaiting = false;
      this.#sendQueue();
    });
  }
}
