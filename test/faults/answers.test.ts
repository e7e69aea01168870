import { once } from "node:events";
import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import type { AdmissionLimits } from "../../src/server/admission.ts";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { watchPath } from "../../src/server/watch/protocol.ts";
import type { EventOf } from "../../src/server/watch/messages.ts";
import { bytePrompts, byteTokenizer } from "../support/byte-tokenizer.ts";
import { createTestApp } from "../support/embedded.ts";
import { Gate } from "../support/gate.ts";
import { scriptedCompleter } from "../support/scripted-completer.ts";
import { createToyCompleter } from "../support/toy-completer.ts";
import { Watcher } from "../support/watcher.ts";

/** Answers that are long: counted before they are made, made while they are read, and no longer than they are. */

const completions = "/v1/completions";
const ids = Array.from({ length: 1000 }, (_, index) => 97 + (index % 26));
const messages = [{ role: "user", content: "1+1=" }];

/** A model that is done at once: what takes time is the answer. */
function createBytes() {
  let drawn = 0;
  const parts = { tokenizer: byteTokenizer(), prompts: bytePrompts() };
  const completer = scriptedCompleter(parts, 256, { script: () => 97 + (drawn++ % 26) });
  return { completer, drawn: () => drawn };
}

async function createServer(limits: Partial<AdmissionLimits> = {}) {
  const { completer, drawn } = createBytes();
  const server = await createTestApp({ completer, limits });
  return { ...server, completer, drawn, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function listen(limits: Partial<AdmissionLimits> = {}) {
  const server = await createServer(limits);
  const sockets: Socket[] = [];
  server.app.server.on("connection", (socket: Socket) => sockets.push(socket));
  await server.app.listen({ port: 0, host: "127.0.0.1" });
  return {
    ...server,
    port: (server.app.server.address() as AddressInfo).port,
    /** Bytes handed to connections, those that wait in them included. */
    written: () => sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
  };
}

const named = { logprobs: 100, return_tokens_as_token_ids: true };
/** 8 choices of a thousand tokens, each with a hundred others: 15 MB of JSON. */
const long = { ...named, prompt: ids, n: 8, max_tokens: 1, echo: true, seed: 1 };
const longMib = 24;
/** What connections hold by themselves, and more. */
const held = 7_000_000;

const send = (port: number, body: object): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const request = httpRequest({ port, path: completions, method: "POST", headers }, resolve);
    request.on("error", reject);
    request.end(JSON.stringify(body));
  });

async function waitForRoom(app: FastifyInstance): Promise<void> {
  await expect
    .poll(async () => (await app.inject({ url: "/metrics" })).body)
    .toMatch(/^metropolis_num_requests_running 0$/m);
}

describe("an answer that no server could hold is refused before any work", () => {
  const limits = { maxAnswerBytes: 100_000 };
  it.each([
    ["echoed log-probs", { prompt: ids, max_tokens: 1, echo: true, logprobs: 1 }],
    ["log-probs of many choices", { prompt: [97], n: 64, max_tokens: 20, logprobs: 0 }],
    ["alternatives", { prompt: [97], max_tokens: 40, logprobs: 100 }],
    ["candidates that are not shown", { prompt: [97], n: 1, best_of: 64, max_tokens: 20, logprobs: 0 }],
    ["a batch of prompts", { prompt: Array.from({ length: 20 }, () => ids), echo: true, max_tokens: 0 }],
    ["ids of prompts", { prompt: ids, n: 16, max_tokens: 1, return_token_ids: true }],
    ["ids of completions", { prompt: [97], n: 16, max_tokens: 1000, return_token_ids: true }],
    ["entropies", { prompt: [97], n: 2, max_tokens: 2000, entropy: true }],
    ["text", { prompt: [97], n: 10, max_tokens: 2000 }],
    ["a stream", { prompt: ids, max_tokens: 1, echo: true, logprobs: 5, stream: true }],
  ])("%s", async (_, body) => {
    await using server = await createServer(limits);
    const score = vi.spyOn(server.completer, "score");
    const refusal = await server.refuse(body);
    expect(refusal).toMatchObject({ status: 400, code: "invalid_request" });
    expect(refusal.message).toMatch(/answer could come to .* MiB.*logprobs.*max_tokens.*echo/);
    expect([server.drawn(), score.mock.calls.length]).toEqual([0, 0]);
    // A part of it is answered.
    expect(
      (await server.post(completions, { ...body, prompt: [97], n: 1, best_of: 1, max_tokens: 4 })).status,
    ).toBe(200);
  });

  it("chats", async () => {
    await using server = await createTestApp({ limits: { maxAnswerBytes: 50_000 } });
    const encode = vi.spyOn(server.completer.prompts, "encode");
    const ask = (body: object) => server.post("/v1/chat/completions", { messages, logprobs: true, ...body });
    const refused = await ask({ top_logprobs: 18, max_tokens: 40 });
    expect(refused.json()).toMatchObject({ error: { code: "invalid_request" } });
    expect(encode).not.toHaveBeenCalled();
    // One that leaves its length open is given what there is room for.
    const open = await ask({ top_logprobs: 18, n: 2 });
    expect(open.status).toBe(200);
  });

  it("text, which is long once it is tokens", async () => {
    await using server = await createServer(limits);
    const score = vi.spyOn(server.completer, "score");
    const text = { prompt: "a".repeat(1000), max_tokens: 1, echo: true, logprobs: 1 };
    expect((await server.refuse(text)).message).toMatch(/answer could come to/);
    expect(score).not.toHaveBeenCalled();
  });

  it("watched completions", async () => {
    await using server = await listen(limits);
    const watcher = new Watcher(new WebSocket(`ws://127.0.0.1:${server.port}${watchPath}`));
    await once(watcher.socket, "open");
    watcher.send({ id: "1", prompt: ids, max_tokens: 1, echo: true, logprobs: 1 });
    expect(await watcher.end("1")).toMatchObject({ type: "error", error: { code: "invalid_request" } });
    watcher.socket.close();
  });
});

it("is asked to come again where other answers take the room, which is given back", async () => {
  const gate = new Gate();
  const completer = await createToyCompleter({ onStep: gate.onStep });
  await using server = await createTestApp({ completer, limits: { maxAnswerBytes: 15_000 } });
  const body = { prompt: "1+1=", max_tokens: 16, logprobs: 18, seed: 1 };
  const first = server.post(completions, body);
  await gate.reached;
  for (const endpoint of [completions, "/v1/chat/completions"]) {
    const other =
      endpoint === completions ? body : { messages, max_tokens: 16, logprobs: true, top_logprobs: 5 };
    const second = await server.post(endpoint, other);
    expect(second.status).toBe(429);
    expect(second.text).toContain("busy with answers");
  }
  // What needs little room is taken.
  const small = server.post(completions, { prompt: "1+1=", max_tokens: 4 });
  gate.open();
  expect([(await first).status, (await small).status]).toEqual([200, 200]);
  expect((await server.post(completions, body)).status).toBe(200);
});

describe("a long answer", () => {
  it("begins before it is made to its end, and is what a short one would be", async () => {
    await using server = await listen();
    const response = await send(server.port, long);
    // It begins before it is made to its end.
    expect(server.written()).toBeLessThan(held);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const answer = JSON.parse(Buffer.concat(chunks).toString()) as CompletionResponse;
    const short = await server.complete({ ...long, n: 1 });
    expect(answer.choices).toHaveLength(8);
    expect(server.written()).toBeGreaterThan(1.5 * held);
    expect(answer.choices[7]!.logprobs!.tokens).toHaveLength(1001);
    // Scored before the model drew anything, so all but the drawn token is the same.
    for (const { logprobs } of answer.choices)
      expect(logprobs!.top_logprobs.slice(0, -1)).toEqual(
        short.choices[0]!.logprobs!.top_logprobs.slice(0, -1),
      );
  });

  it("scores a prompt once for all its choices", async () => {
    await using server = await createServer();
    const score = vi.spyOn(server.completer, "score");
    await server.complete({ ...long, logprobs: 1, n: 8 });
    expect(score).toHaveBeenCalledOnce();
  });

  it("ends with its client, whose room is free at once", async () => {
    await using server = await listen({ maxAnswerBytes: 1.5 * longMib * 1024 * 1024 });
    for (let attempt = 0; attempt < 3; attempt++) {
      const response = await send(server.port, { ...long, seed: attempt });
      await once(response, "data");
      response.destroy();
      await waitForRoom(server.app);
    }
    expect((await server.post(completions, long)).status).toBe(200);
  });

  it.each(["whole", "streamed"])("%s is made no faster than it is read", async (kind) => {
    await using server = await listen();
    // In many chunks where it is streamed.
    const body = kind === "whole" ? long : { ...named, prompt: [97], n: 8, max_tokens: 1000, stream: true };
    const socket = connect(server.port, "127.0.0.1");
    const json = JSON.stringify(body);
    socket.write(
      `POST ${completions} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
    );
    await once(socket, "readable");
    // Until nothing more is written, though nothing is read.
    let sent = -1;
    while (sent !== server.written()) {
      sent = server.written();
      await setTimeout(100);
    }
    expect(sent).toBeLessThan(held);
    if (kind === "streamed") expect(server.drawn()).toBeLessThan(6000);
    socket.destroy();
    await waitForRoom(server.app);
  });

  it("over a socket comes in fragments, with what else there is behind it, and ends with the socket", async () => {
    await using server = await listen({ maxAnswerBytes: 1.5 * longMib * 1024 * 1024 });
    const open = async (): Promise<WebSocket> => {
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}${watchPath}`);
      await once(socket, "open");
      return socket;
    };
    const body = { ...long, events: ["done"] };
    const gone = await open();
    gone.pause();
    gone.send(JSON.stringify({ id: "1", ...body }));
    let sent = -1;
    while (sent !== server.written() || sent < 1_000_000) {
      sent = server.written();
      await setTimeout(100);
    }
    expect(sent).toBeLessThan(held);
    gone.terminate();
    await waitForRoom(server.app);

    const watcher = new Watcher(await open());
    watcher.send({ id: "1", ...body, n: 2 });
    watcher.send({ id: "2", prompt: [97], max_tokens: 4 });
    const [first, second] = [await watcher.end("1"), await watcher.end("2")];
    expect(first).toMatchObject({ type: "done" });
    expect(second).toMatchObject({ type: "done" });
    expect((first as EventOf<"done">).response.choices).toHaveLength(2);
    watcher.socket.close();
  });
});

describe("text made of tokens", () => {
  it("is made as it is sent, however long: characters split over tokens are whole", async () => {
    await using server = await createServer({});
    const text = 'Grüße, 世界 👍🏽 \u0001" '.repeat(4000);
    const { status, headers, json } = await server.post("/detokenize", { tokens: [...Buffer.from(text)] });
    expect([status, headers["transfer-encoding"]]).toEqual([200, "chunked"]);
    expect(json()).toEqual({ prompt: text, content: text });
    const unfinished = await server.post("/detokenize", { tokens: [97, 0xf0, 0x9f] });
    expect(unfinished.json()).toMatchObject({ content: "a\ufffd" });
  });

  it("unread takes no memory that grows with it", async () => {
    await using server = await listen({});
    const body = JSON.stringify({ tokens: Array.from({ length: 1_000_000 }, () => 1) });
    const headers = { "content-type": "application/json" };
    const options = { port: server.port, path: "/detokenize", method: "POST", headers };
    const answers = await Promise.all(
      Array.from(
        { length: 8 },
        () =>
          new Promise<IncomingMessage>((resolve, reject) => {
            httpRequest(options, resolve).on("error", reject).end(body);
          }),
      ),
    );
    // Each would be twelve megabytes of JSON, twice as text.
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(answers.map(() => 200));
    expect(answers.every(({ socket }) => socket.bytesRead < 6_000_000)).toBe(true);
    for (const answer of answers) answer.destroy();
  });
});
