import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { writeByteModel } from "../support/byte-model.ts";
import { deadlyText, endlessText, writeHostileModel } from "../support/hostile-model.ts";
import { ServerProcess } from "../support/server-process.ts";

/** A model whose tokenizer and template some texts lead astray, with room for them in its context. */
let folder: string;
let server: ServerProcess;
beforeAll(async () => {
  folder = await writeHostileModel(await writeByteModel({ maxPositions: 4096 }));
  server = await ServerProcess.start(["--model", folder, "--lanes", "2", "--request-timeout", "60"]);
});
afterAll(async () => {
  server.signal("SIGTERM");
  // What was asked for and never ended must not keep it.
  expect((await server.exit()).code).toBe(0);
  await rm(folder, { recursive: true });
});

const messages = [{ role: "user", content: "hi" }];
const chat = (loops: number) => ({ messages, max_tokens: 1, chat_template_kwargs: { loops } });
const isHealthy = async (): Promise<boolean> => (await fetch(`${server.url}/health`)).ok;
const tokenize = async (prompt: string): Promise<unknown> =>
  (await server.post("/tokenize", { prompt })).json();

describe("a text that takes forever", () => {
  it.each([
    ["/v1/completions", { prompt: endlessText }],
    ["/v1/completions", { prompt: ["a", endlessText, endlessText], stream: true }],
    [
      "/v1/chat/completions",
      { messages: [{ role: "user", content: endlessText }], chat_template_kwargs: { loops: 1 } },
    ],
    ["/v1/chat/completions", chat(100_000)],
    ["/tokenize", { prompt: endlessText }],
  ])("at %s leaves the others alone, and ends when its client leaves", async (path, body) => {
    const controller = new AbortController();
    let isOver = false;
    const answer = server.post(path, body, controller.signal).finally(() => {
      isOver = true;
    });
    answer.catch(() => undefined);
    expect(await isHealthy()).toBe(true);
    expect(await tokenize("hello")).toMatchObject({ count: 5 });
    expect((await server.post("/v1/completions", { prompt: "hello", max_tokens: 1 })).status).toBe(200);
    expect(isOver).toBe(false);
    controller.abort();
    await expect(answer).rejects.toThrow("abort");
    expect((await server.post("/v1/chat/completions", chat(1))).status).toBe(200);
  });

  it("at the socket is cancelled, and ends with its socket", async () => {
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/v1/completions/ws`);
    await new Promise((resolve) => socket.once("open", resolve));
    const events: Record<string, unknown>[] = [];
    socket.on("message", (data: Buffer) =>
      events.push(JSON.parse(data.toString()) as Record<string, unknown>),
    );
    const send = (message: object): void => {
      socket.send(JSON.stringify(message));
    };
    send({ id: "long", prompt: endlessText });
    send({ id: "long", prompt: "hello" });
    send({ id: "short", prompt: "hello", max_tokens: 1, events: [] });
    await expect.poll(() => events.some(({ type, id }) => type === "done" && id === "short")).toBe(true);
    // The id of a text that is being encoded is taken.
    expect(events).toContainEqual(expect.objectContaining({ type: "error", id: null }));
    send({ type: "cancel", id: "long" });
    await expect
      .poll(() => events)
      .toContainEqual(
        expect.objectContaining({
          id: "long",
          error: expect.objectContaining({ code: "aborted" }) as unknown,
        }),
      );
    send({ id: "again", prompt: endlessText });
    socket.terminate();
    expect(await tokenize("hello")).toMatchObject({ count: 5 });
  });

  it("is given up at the request's deadline", async () => {
    await using hasty = await ServerProcess.start(["--model", folder, "--request-timeout", "2"]);
    for (const [path, body] of [
      ["/tokenize", { prompt: endlessText }],
      ["/v1/chat/completions", chat(100_000)],
    ] as const) {
      const reply = await hasty.post(path, body);
      expect(reply.status).toBe(504);
      expect(await reply.json()).toMatchObject({ error: { code: "deadline_exceeded" } });
    }
  });

  it("that takes its process along fails by itself, naming the field", async () => {
    const [reply, other] = await Promise.all([
      server.post("/v1/completions", { prompt: deadlyText }),
      tokenize("hello"),
    ]);
    expect(reply.status).toBe(500);
    expect(await reply.json()).toMatchObject({ error: { param: "prompt" } });
    expect(other).toMatchObject({ count: 5 });
    expect(await isHealthy()).toBe(true);
  });

  it.each([
    ["/v1/completions", { prompt: "a".repeat(600_000) }, "prompt"],
    ["/v1/chat/completions", { messages: [{ role: "user", content: "é".repeat(300_000) }] }, "messages"],
    ["/tokenize", { prompt: "a".repeat(600_000) }, "prompt"],
    ["/tokenize", { content: "界".repeat(200_000) }, "content"],
  ])("at %s is not begun where no context could hold it", async (path, body, param) => {
    const reply = await server.post(path, body);
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({ error: { code: "context_length_exceeded", param } });
  });
});
