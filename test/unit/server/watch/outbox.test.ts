import type { WebSocket } from "@fastify/websocket";
import { describe, expect, it } from "vitest";
import type { EventOf, WatchEvent } from "../../../../src/server/watch/messages.ts";
import { Outbox } from "../../../../src/server/watch/outbox.ts";
import { Reading } from "../../../../src/server/watch/reading.ts";

/** A socket whose reader reads when told to. */
class FakeSocket {
  readonly sent: WatchEvent[] = [];
  readonly #unread: { bytes: number; callback: (error?: Error) => void }[] = [];
  isPaused = false;

  get bufferedAmount(): number {
    return this.#unread.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  send(text: string, callback: (error?: Error) => void): void {
    this.sent.push(JSON.parse(text) as WatchEvent);
    this.#unread.push({ bytes: text.length, callback });
  }

  read(messages = Infinity): void {
    for (let count = 0; count < messages && this.#unread.length > 0; count++)
      this.#unread.shift()!.callback();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }
}

const progress = (step: number, padding = 0): EventOf<"progress"> => ({
  type: "progress",
  id: "a".padEnd(1 + padding, "."),
  index: 0,
  block: 1,
  blocks: 2,
  step,
  steps: 9,
  moved: 0,
  unchanged: 0,
  rejected: 0,
  rejected_early: 0,
  acceptance: 0.5,
});
const done = (text = ""): EventOf<"done"> => ({
  type: "done",
  id: "a",
  response: { id: "x", object: "text_completion", created: 0, model: text, choices: [] },
});

function create(): { socket: FakeSocket; outbox: Outbox; beats: () => number } {
  const socket = new FakeSocket();
  let sent = 0;
  const outbox = new Outbox(socket as unknown as WebSocket, new Reading(socket), () => sent++);
  return { socket, outbox, beats: () => sent };
}

describe("Outbox", () => {
  it("sends everything to a reader who keeps up", () => {
    const { socket, outbox, beats } = create();
    for (let step = 0; step < 10_000; step++) {
      outbox.push("a", progress(step));
      socket.read();
    }
    expect(socket.sent).toHaveLength(10_000);
    expect(beats()).toBe(10_000);
  });

  it("gives a slow reader the latest state, and memory stays flat however long that takes", () => {
    const { socket, outbox } = create();
    for (let step = 0; step < 100_000; step++) outbox.push("a", progress(step));
    expect(socket.bufferedAmount).toBeLessThan(80 * 1024);
    const before = socket.sent.length;
    socket.read();
    expect(socket.sent.length).toBe(before + 1);
    expect(socket.sent.at(-1)).toEqual(progress(99_999));
    // Caught up: one by one again.
    outbox.push("a", progress(7));
    expect(socket.sent.at(-1)).toEqual(progress(7));
  });

  it("ends a request after the state it superseded, whoever reads", () => {
    const { socket, outbox } = create();
    for (let step = 0; step < 5_000; step++) outbox.push("a", progress(step));
    outbox.end(done());
    expect(socket.sent.slice(-2)).toEqual([progress(4_999), done()]);
    socket.read();
    expect(socket.sent.at(-1)).toEqual(done());
  });

  it("stops listening to a client that asks on and reads nothing, until it reads", () => {
    const { socket, outbox } = create();
    const answer = done("x".repeat(100_000));
    for (let count = 0; count < 10; count++) outbox.end(answer);
    expect(socket.isPaused).toBe(false);
    outbox.end(answer);
    expect(socket.isPaused).toBe(true);
    socket.read(5);
    expect(socket.isPaused).toBe(true);
    socket.read();
    expect(socket.isPaused).toBe(false);
  });
});
