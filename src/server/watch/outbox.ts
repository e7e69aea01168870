import type { WebSocket } from "@fastify/websocket";
import { JsonReader } from "../long-json.ts";
import type { JsonChunk, LongJson } from "../long-json.ts";
import { nextTurn } from "../turns.ts";
import { Backlog } from "./backlog.ts";
import type { EventOf, WatchEvent } from "./messages.ts";
import type { Reading } from "./reading.ts";

/** Bytes that may wait for a slow reader before its events are boiled down to the latest state. */
const congestedBytes = 64 * 1024;

/** Bytes that may wait, and answers, before nothing more is read from a client that reads nothing. */
const blockedBytes = 1024 * 1024;
const blockedAnswers = 8;

/** Events sent in one turn of the event loop of those that were missed, and their characters: a millisecond or two. */
const pieceLength = 64;
const pieceCharacters = 64 * 1024;

/** An answer that waits to be sent. */
interface Answer {
  readonly json: JsonReader;
  /** Is told what came of it. */
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

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
  #queue: (WatchEvent | Answer)[] = [];
  #unsentAnswers = 0;
  /** For another turn, or for the reader to take the rest of an answer. */
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
    const isFree =
      this.#queue.length === 0 && !this.#isWaiting && this.#socket.bufferedAmount <= congestedBytes;
    if (backlog === undefined && isFree) {
      this.#send(JSON.stringify(event));
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

  /** Sends what ends a request, after all that was pushed before. */
  fail(event: EventOf<"error">): void {
    if (event.id !== null) this.#queueMissed(event.id);
    this.#queue.push(event);
    this.#sendQueue();
    if (this.#isBlocked) this.#reading.hold(this);
  }

  /**
   * Sends an answer, after all that was pushed before. A long one is written as its reader takes it, in fragments of one
   * message.
   * @returns when all of it is on its way, or the socket closed
   */
  async finish(id: string, done: LongJson<EventOf<"done">>): Promise<void> {
    this.#unsentAnswers++;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#queueMissed(id);
        this.#queue.push({ json: new JsonReader(done), resolve, reject });
        this.#sendQueue();
        if (this.#isBlocked) this.#reading.hold(this);
      });
    } finally {
      this.#unsentAnswers--;
    }
  }

  get #isBlocked(): boolean {
    return this.#socket.bufferedAmount > blockedBytes || this.#unsentAnswers > blockedAnswers;
  }

  #send(text: string): void {
    this.#socket.send(text, (error) => {
      if (error instanceof Error) return;
      this.#onSent();
      if (this.#socket.bufferedAmount <= congestedBytes / 2) this.#drain();
    });
  }

  #drain(): void {
    if (!this.#isBlocked) this.#reading.release(this);
    if (this.#queue.length > 0 || this.#isWaiting) return;
    for (const id of this.#backlogs.keys()) this.#queueMissed(id);
    this.#sendQueue();
  }

  #queueMissed(id: string): void {
    for (const event of this.#backlogs.get(id)?.take() ?? []) this.#queue.push(event);
    this.#backlogs.delete(id);
  }

  /** Sends a piece of the queue, an answer at most, and the rest in later turns. */
  #sendQueue(): void {
    if (this.#isWaiting) return;
    let rest: Promise<void> | undefined;
    let count = 0;
    for (let characters = 0; characters < pieceCharacters && count < pieceLength; count++) {
      const item = this.#queue[count];
      if (item === undefined) break;
      if ("json" in item) {
        rest = this.#sendAnswer(item);
        count++;
        break;
      }
      const text = JSON.stringify(item);
      characters += text.length;
      this.#send(text);
    }
    this.#queue = this.#queue.slice(count);
    if (rest === undefined && this.#queue.length === 0) return;
    this.#isWaiting = true;
    void Promise.resolve(rest)
      .then(nextTurn)
      .then(() => {
        this.#isWaiting = false;
        if (this.#queue.length > 0) this.#sendQueue();
        else if (this.#socket.bufferedAmount <= congestedBytes / 2) this.#drain();
      });
  }

  /** @returns settles when the rest of a long answer is sent; `undefined` for a short one, which is. */
  #sendAnswer({ json, resolve, reject }: Answer): Promise<void> | undefined {
    let first: JsonChunk;
    try {
      first = json.read();
    } catch (error) {
      reject(error);
      return undefined;
    }
    if (!first.isLast) return this.#sendFragments(first, json).then(resolve, reject);
    this.#send(first.text);
    resolve();
    return undefined;
  }

  async #sendFragments(first: JsonChunk, rest: JsonReader): Promise<void> {
    try {
      for (let chunk = first; this.#socket.readyState === this.#socket.OPEN; chunk = rest.read()) {
        await this.#sendFragment(chunk);
        if (chunk.isLast) return;
        await nextTurn();
      }
    } catch (error) {
      // Nothing can follow half a message.
      this.#socket.terminate();
      throw error;
    }
  }

  /** Resolves when it went out, or when the socket is closed. */
  #sendFragment({ text, isLast }: JsonChunk): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.send(text, { fin: isLast }, (error) => {
        if (!(error instanceof Error)) this.#onSent();
        resolve();
      });
    });
  }
}
