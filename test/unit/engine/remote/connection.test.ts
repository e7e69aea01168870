import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import { createServer as createSocketServer } from "node:net";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Connection } from "../../../../src/engine/remote/connection.ts";
import type { ConnectionSettings } from "../../../../src/engine/remote/connection.ts";
import { RemoteError } from "../../../../src/engine/remote/remote-error.ts";
import { never } from "../../../support/toy-engine.ts";
import { freePort } from "../../../support/free-port.ts";
import { servedToy } from "../../../support/fake-servers/toy.ts";
import { FakeVllm } from "../../../support/fake-servers/vllm.ts";

const connect = (url: string, changes: Partial<ConnectionSettings> = {}): Connection =>
  new Connection({ url, sessionHeader: "x-session-id", mostSockets: 4, ...changes });

const failureOf = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => undefined,
    (error: unknown) => error,
  );

/** A stream's events from a server that answers everything alike, or what it fails with. */
async function streamFrom(answer: (response: ServerResponse) => void): Promise<unknown> {
  const server = createServer((_request, response) => {
    answer(response);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await using connection = connect(`http://127.0.0.1:${port}`, { key: "sk-secret" });
  const events: unknown[] = [];
  const failure = await failureOf(
    (async () => {
      for await (const event of connection.stream("/", {}, { signal: never })) events.push(event);
    })(),
  );
  server.closeAllConnections();
  server.close();
  return failure ?? events;
}

const stream = { "content-type": "text/event-stream" };

describe("a connection", () => {
  it.each([
    ["http://host:8000", "http://host:8000"],
    ["http://host:8000/", "http://host:8000"],
    ["https://host/v1", "https://host"],
    ["https://host/models/a/v1/", "https://host/models/a"],
  ])("takes %s", (given, root) => {
    expect(connect(given).url).toBe(root);
  });

  it.each(["host:8000", "nothing", "ftp://host", "http://user:secret@host", "http://host?key=secret"])(
    "refuses %s, and repeats no part of it",
    (given) => {
      const refused = () => connect(given);
      expect(refused).toThrow(/--engine-url/);
      expect(refused).not.toThrow(/secret/);
    },
  );

  it("uses a connection again", async () => {
    await using server = await new FakeVllm(servedToy()).start();
    await using connection = connect(server.url);
    for (let call = 0; call < 20; call++) await connection.get("/version", { signal: never });
    // Where a call follows the one before at once, that one may not have given its connection back.
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  it("uses a connection again after calls that were hung up on", async () => {
    await using server = await new FakeVllm(servedToy()).start();
    await using connection = connect(server.url);
    const body = { model: "toy", prompt: [1], max_tokens: 20, temperature: 1, logprobs: 1, stream: true };
    for (let call = 0; call < 5; call++) {
      for await (const _ of connection.stream("/v1/completions", body, { signal: never })) break;
      await connection.get("/version", { signal: never });
    }
    const before = server.connections;
    for (let call = 0; call < 20; call++) await connection.get("/version", { signal: never });
    expect(server.connections - before).toBeLessThanOrEqual(2);
  });

  it("sends the key, and tells it to nobody", async () => {
    await using server = await new FakeVllm(servedToy()).start();
    server.key = "right";
    await using right = connect(server.url, { key: "right" });
    await right.get("/version", { signal: never });
    await using wrong = connect(server.url, { key: "sk-wrong" });
    const error = await failureOf(wrong.get("/version", { signal: never }));
    expect(error).toMatchObject({ retryable: false, status: 401 });
    expect(String(error)).toContain("--engine-key");
    expect(String(error)).not.toContain("sk-wrong");
  });

  it("says that nobody listens, which may change", async () => {
    await using connection = connect(`http://127.0.0.1:${await freePort()}`);
    const error = await failureOf(connection.get("/version", { signal: never }));
    expect(error).toMatchObject({ retryable: true, isOutage: true });
    expect(String(error)).toContain("ECONNREFUSED");
  });

  it("gives up a server that is silent for too long, which may change", async () => {
    const server = createServer(() => undefined).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    await using connection = connect(`http://127.0.0.1:${port}`, { silenceMs: 20 });
    expect(await failureOf(connection.get("/version", { signal: never }))).toMatchObject({ retryable: true });
    server.closeAllConnections();
    server.close();
  });

  it("says that the other side speaks no HTTP, or no TLS, which will not change", async () => {
    await using server = await new FakeVllm(servedToy()).start();
    await using connection = connect(server.url.replace("http:", "https:"));
    const error = await failureOf(connection.get("/version", { signal: never }));
    expect(error).toMatchObject({ retryable: false });
    expect(error).toBeInstanceOf(RemoteError);
  });

  it("ends with `aborted`, and the server hears of it", async () => {
    await using server = await new FakeVllm(servedToy()).start();
    server.faults.onPass = () => new Promise((resolve) => setTimeout(resolve, 1));
    await using connection = connect(server.url);
    const controller = new AbortController();
    const body = { prompt: [1, 2], max_tokens: 60, logprobs: 1, stream: true, seed: 1 };
    const events = connection.stream("/v1/completions", body, { signal: controller.signal });
    expect((await events.next()).done).toBe(false);
    controller.abort();
    await expect(events.next()).rejects.toMatchObject({ code: "aborted" });
    await expect.poll(() => server.calls[0]!.aborted).toBe(true);
    await expect(connection.get("/version", { signal: controller.signal })).rejects.toMatchObject({
      code: "aborted",
    });
  });

  it("closes a stream that its reader leaves", async () => {
    await using server = await new FakeVllm(servedToy()).start();
    server.faults.onPass = () => new Promise((resolve) => setTimeout(resolve, 1));
    await using connection = connect(server.url);
    const body = { prompt: [1, 2], max_tokens: 60, logprobs: 1, stream: true, seed: 1 };
    for await (const _ of connection.stream("/v1/completions", body, { signal: never })) break;
    await expect.poll(() => server.calls[0]!.aborted).toBe(true);
  });

  it("suspects another server where it was closed, and where none was open for long", async () => {
    await using server = await new FakeVllm(servedToy()).start();
    await using connection = connect(server.url);
    const ask = () => connection.get("/version", { signal: never });
    await ask();
    expect(connection.takeSuspicion(0)).toBe(false);
    const controller = new AbortController();
    server.faults.onPass = () => new Promise((resolve) => setTimeout(resolve, 1));
    const body = { prompt: [1, 2], max_tokens: 60, logprobs: 1, stream: true, seed: 1 };
    const events = connection.stream("/v1/completions", body, { signal: controller.signal });
    await events.next();
    controller.abort();
    await failureOf(events.next());
    // It was closed by this side, a moment ago.
    expect(connection.takeSuspicion(60_000)).toBe(false);
    await ask();
    await server.stop();
    await expect.poll(() => connection.takeSuspicion(60_000)).toBe(true);
    expect(connection.takeSuspicion(60_000)).toBe(false);
    await expect.poll(() => connection.takeSuspicion(0)).toBe(true);
  });
});

describe("a stream", () => {
  it("is read whatever its pieces are, and however its lines end", async () => {
    const bytes = Buffer.from(
      'data: {"a":"日本 €😀"}\r\n\r\n: still there\r\n\r\ndata: [1,\r\ndata: 2]\r\n\r\ndata: [DONE]\r\n\r\n',
    );
    const events = await streamFrom((response) => {
      response.writeHead(200, { "content-type": "Text/Event-Stream; charset=utf-8" });
      for (const byte of bytes) response.write(Buffer.of(byte));
      response.end();
    });
    expect(events).toEqual([{ a: "日本 €😀" }, [1, 2]]);
  });

  const packed = gzipSync('data: {"a":1}\n\ndata: [DONE]\n\n');
  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    [
      "a page",
      (response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
      /no stream/,
    ],
    [
      "a page that does not end",
      (response) => void response.writeHead(200, { "content-type": "text/html" }).write("<html>"),
      /no stream/,
    ],
    ["nothing", (response) => response.writeHead(204).end(), /no stream/],
    ["what nobody can read", (response) => response.writeHead(200, stream).end("data: {\n\n"), /no JSON/],
    [
      "what nobody unpacks",
      (response) => response.writeHead(200, { ...stream, "content-encoding": "gzip" }).end(packed),
      /gzip/,
    ],
    [
      "what nobody unpacks, and that does not end",
      (response) => void response.writeHead(200, { ...stream, "content-encoding": "gzip" }).write(packed),
      /gzip/,
    ],
    [
      "another address",
      (response) => response.writeHead(307, { location: "http://host/" }).end(),
      /redirects/,
    ],
    [
      "too many headers",
      (response) => response.writeHead(200, { "x-a": "a".repeat(40_000) }).end(),
      /HEADERS/,
    ],
  ])("that is %s is given up for good, and harms nobody", async (_name, answer, says) => {
    const failure = await streamFrom(answer);
    // What is thrown where nobody hears it is thrown in the next turns.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(failure).toMatchObject({ retryable: false, message: expect.stringMatching(says) as string });
  });

  it("of what is not HTTP is given up for good", async () => {
    const server = createSocketServer((socket) => socket.end("SSH-2.0-OpenSSH\r\n")).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    await using connection = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(await failureOf(connection.get("/", { signal: never }))).toMatchObject({ retryable: false });
    server.close();
  });

  it.each<[string, (response: ServerResponse) => void]>([
    [
      "an event's error",
      (response) => response.writeHead(200, stream).end('data: {"error":"sk-secret"}\n\n'),
    ],
    ["an event", (response) => response.writeHead(200, stream).end("data: Bearer sk-secret\n\n")],
    ["a long answer", (response) => response.writeHead(401).end(`${"x".repeat(495)} sk-secret`)],
  ])("that repeats the key in %s has nobody told", async (_name, answer) => {
    const { message, cause } = (await streamFrom(answer)) as Error;
    expect(`${message} ${String(cause)}`).not.toMatch(/sk-s/);
  });
});
