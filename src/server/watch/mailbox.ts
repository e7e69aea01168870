import type { WebSocket } from "@fastify/websocket";
import { InferenceError } from "../../core/errors.ts";
import { nextTurn } from "../turns.ts";
import type { Reading } from "./reading.ts";

export interface Mail {
  readonly data: Buffer;
  readonly isBinary: boolean;
  /** What it takes of the server's memory: given back when it is done with. */
  readonly hold: Disposable;
}

/** Messages of a socket that may wait to be read; from here on nothing more is read from its connection. */
const pauseAt = 16;

/** What has come in with the last packet waits too, as far as this. */
const mostWaiting = 1024;

/**
 * Reads a socket's messages in order, each in a turn of the event loop of its own: a client that sends thousands of them
 * waits for itself. It is asked to send no more while some wait.
 */
export class Mailbox {
  readonly #socket: WebSocket;
  readonly #reading: Reading;
  readonly #read: (mail: Mail) => Promise<void>;
  #waiting: Mail[] = [];
  #isReading = false;

  /** @param read never rejects; what the mail holds is its to give back */
  constructor(socket: WebSocket, reading: Reading, read: (mail: Mail) => Promise<void>) {
    this.#socket = socket;
    this.#reading = reading;
    this.#read = read;
  }

  /** @throws InferenceError `overloaded`: the message is not read */
  put(mail: Mail): void {
    if (this.#waiting.length >= mostWaiting) {
      throw new InferenceError(
        "overloaded",
        `${mostWaiting} messages of this socket wait to be read; this one is not. Wait for answers.`,
      );
    }
    this.#waiting.push(mail);
    if (this.#waiting.length >= pauseAt) this.#reading.hold(this);
    if (!this.#isReading) void this.#readAll();
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    for (;;) {
      const mail = this.#waiting.shift();
      if (mail === undefined) break;
      await nextTurn();
      // A request of a client that is gone would run for nothing.
      if (this.#socket.readyState !== this.#socket.OPEN) {
        for (const { hold } of [mail, ...this.#waiting]) hold[Symbol.dispose]();
        break;
      }
      await this.#read(mail);
      if (this.#waiting.length < pauseAt) this.#reading.release(this);
    }
    this.#waiting = [];
    this.#isReading = false;
  }
}
