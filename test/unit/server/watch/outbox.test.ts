import { setImmediate } from "node:timers/promises";
import type { WebSocket } from "@fastify/websocket";
import { describe, expect, it } from "vitest";
import { longList, longObject } from "../../../../src/server/long-json.ts";
import type { LongJson } from "../../../../src/server/long-json.ts";
import type { CompletionChoice, CompletionResponse } from "../../../../src/server/schemas/completions.ts";
import type { EventOf, WatchEvent } from "../../../../src/server/watch/messages.ts";
import { Outbox } from "../../../../src/server/watch/outbox.ts";
import { Reading } from "../../../../src/server/watch/reading.ts";

type OnSent = (error?: Error) => void;

/** A socket whose reader reads when told to. */
class FakeSocket {
  readonly OPEN = 1;
  readyState = 1;
  readonly sent: WatchEvent[] = [];
  #fragments = "";
  readonly #unread: { bytes: number; callback: OnSent }[] = [];
  isPaused = false;

  get bufferedAmount(): number {
    return this.#unread.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  send(text: string, ...[first, second]: [OnSent] | [{ readonly fin: boolean }, OnSent]): void {
    const isWhole = second === undefined;
    if (isWhole) expect(this.#fragments).toBe("");
    this.#fragments += text;
    if (isWhole || (first as { readonly fin: boolean }).fin) {
      this.sent.push(JSON.parse(this.#fragments) as WatchEvent);
      this.#fragments = "";
    }
    this.#unread.push({ bytes: text.length, callback: second ?? (first as OnSent) });
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
const done = (text = "", choices: CompletionChoice[] = []): EventOf<"done"> => ({
  type: "done",
  id: "a",
  response: { id: "x", object: "text_completion", created: 0, model: text, choices },
});
const json = ({ response, ...event }: EventOf<"done">): LongJson<EventOf<"done">> =>
  longObject<EventOf<"done">>({
    ...event,
    response: longObject<CompletionResponse>({ ...response, choices: longList(() => response.choices) }),
  });
/** A megabyte. */
const long = done(
  "long",
  Array.from({ length: 1000 }, (_, index) => ({
    index,
    text: "x".repeat(1000),
    logprobs: null,
    finish_reason: "stop",
    stop_reason: null,
  })),
);

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

  it("sends long events that were missed a few in a turn of the event loop", async () => {
    const { socket, outbox } = create();
    const text = "x".repeat(100_000);
    const push = (index: number): void => {
      outbox.push("a", { type: "token", id: "a", index, text, tokens: [] });
    };
    for (let index = 0; index < 41; index++) push(index);
    expect(socket.sent).toHaveLength(1);
    socket.read();
    expect(socket.sent).toHaveLength(2);
    await expect
      .poll(async () => {
        await setImmediate();
        socket.read();
        return socket.sent.length;
      })
      .toBe(41);
  });

  it("ends a request after the state it superseded, whoever reads", async () => {
    const { socket, outbox } = create();
    for (let step = 0; step < 5_000; step++) outbox.push("a", progress(step));
    await outbox.finish("a", json(done()));
    expect(socket.sent.slice(-2)).toEqual([progress(4_999), done()]);
    socket.read();
    expect(socket.sent.at(-1)).toEqual(done());
  });

  it("stops listening to a client that asks on and reads nothing, until it reads", async () => {
    const { socket, outbox } = create();
    const error = { type: "error", id: "a", error: refusal("x".repeat(100_000)) } as const;
    for (let count = 0; count < 10; count++) outbox.fail(error);
    expect(socket.isPaused).toBe(false);
    outbox.fail(error);
    expect(socket.isPaused).toBe(true);
    socket.read(5);
    expect(socket.isPaused).toBe(true);
    socket.read();
    expect(socket.isPaused).toBe(false);

    const answers = Array.from({ length: 9 }, () => outbox.finish("a", json(long)));
    expect(socket.isPaused).toBe(true);
    await readAll(socket, answers);
    await expect.poll(() => socket.isPaused).toBe(false);
  });

  it("writes a long answer as it is read, a fragment at a time, and what else there is behind it", async () => {
    const { socket, outbox } = create();
    const answer = outbox.finish("a", json(long));
    const second = outbox.finish("b", json(done("short")));
    await setImmediate();
    outbox.push("c", progress(1));
    outbox.push("c", progress(2));
    const error = { type: "error", id: "d", error: refusal("late") } as const;
    outbox.fail(error);
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    expect(socket.sent).toEqual([]);
    expect(socket.bufferedAmount).toBeLessThan(80_000);
    await readAll(socket, [answer, second]);
    await expect
      .poll(() => {
        socket.read();
        return socket.sent;
      })
      .toHaveLength(4);
    expect(socket.sent[0]).toEqual(long);
    expect(socket.sent.slice(1)).toEqual(
      expect.arrayContaining([error, progress(2), done("short")]) as WatchEvent[],
    );
  });

  it("stops writing when the socket closes", async () => {
    const { socket, outbox } = create();
    const answer = outbox.finish("a", json(long));
    await setImmediate();
    socket.readyState = 3;
    socket.read();
    await answer;
    expect(socket.sent).toEqual([]);
    expect(socket.bufferedAmount).toBe(0);
  });
});

const refusal = (message: string): EventOf<"error">["error"] => ({
  message,
  type: "invalid_request_error",
  param: null,
  code: "invalid_request",
});

async function readAll(socket: FakeSocket, answers: readonly Promise<void>[]): Promise<void> {
  const reading = setInterval(() => {
    socket.read();
  });
  await Promise.all(answers);
  clearInterval(reading);
  socket.read();
}
