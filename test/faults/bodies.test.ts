import { on, once } from "node:events";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { watchPath } from "../../src/server/watch/protocol.ts";
import { Connection } from "../support/connection.ts";
import { createTestApp } from "../support/embedded.ts";
import { Gate } from "../support/gate.ts";
import { createToyCompleter } from "../support/toy-completer.ts";

/** Bodies that are on their way, all at once: together they must not take the memory that the server needs. */

const kib = 1024;
/** What of each body does not count. */
const free = 16 * kib;

type Server = Awaited<ReturnType<typeof createTestApp>>;

let server: Server;
beforeAll(async () => {
  server = await createTestApp({ bodiesLimit: 100 * kib, apiKeys: ["many", "one"] });
  await server.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => server[Symbol.asyncDispose]());

const head = (key: string, ...headers: string[]): string =>
  [
    "POST /v1/completions HTTP/1.1",
    "Host: localhost",
    "Content-Type: application/json",
    `Authorization: Bearer ${key}`,
    ...headers,
    "",
    "",
  ].join("\r\n");

/** A request whose body is so long, and never comes whole. */
async function begin(key: string, length: number): Promise<Connection> {
  const connection = await Connection.open(server.app);
  await connection.send(`${head(key, `Content-Length: ${length}`)}{"prompt":"`);
  return connection;
}

/** What /metrics says. */
async function metric(name: string, { app }: Server): Promise<number> {
  const { body } = await app.inject({ url: "/metrics", headers: { authorization: "Bearer one" } });
  return Number(new RegExp(`^metropolis_${name} (\\d+)$`, "m").exec(body)![1]);
}

/** What is counted, KiB. */
const counted = async (of = server): Promise<number> => (await metric("body_bytes", of)) / kib;

async function watch({ app }: Server): Promise<WebSocket> {
  const { port } = app.server.address() as AddressInfo;
  const headers = { authorization: "Bearer many" };
  const socket = new WebSocket(`ws://127.0.0.1:${port}${watchPath}`, { headers });
  await once(socket, "open");
  return socket;
}

const dropped = { status: 429, body: expect.stringContaining("--max-bodies-mib") as unknown };

const complete = async (
  key: string,
  text: string,
  headers: Record<string, string> = {},
  { app } = server,
): Promise<number> => {
  const payload = JSON.stringify({ prompt: "1+1=", max_tokens: 1, user: text });
  const { port } = app.server.address() as AddressInfo;
  const body = headers["content-encoding"] === "gzip" ? gzipSync(payload) : payload;
  const { status } = await fetch(`http://127.0.0.1:${port}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}`, ...headers },
    body,
  });
  return status;
};

describe("bodies in memory", () => {
  beforeEach(async () => {
    await expect.poll(() => counted()).toBe(0);
  });

  it("are as many as the limit allows; the largest of the client that has most goes", async () => {
    using small = await begin("many", free + 30 * kib);
    using large = await begin("many", free + 40 * kib);
    await expect.poll(() => counted()).toBe(70);
    using other = await begin("one", free + 50 * kib);
    expect(await large.response()).toMatchObject(dropped);
    await large.closed();
    expect(await counted()).toBe(80);
    expect(await complete("one", "")).toBe(200);
    expect([small, other]).toHaveLength(2);
  });

  it("are counted in chunks as they come", async () => {
    using chunked = await Connection.open(server.app);
    await chunked.send(`${head("many", "Transfer-Encoding: chunked")}10000\r\n`);
    await chunked.send("x".repeat(0x10000));
    await expect.poll(() => counted()).toBe(64 - 16);
    await chunked.send(`\r\n10000\r\n${"x".repeat(0x10000)}`);
    expect(await chunked.response()).toMatchObject(dropped);
  });

  it("are counted as what they decompress to", async () => {
    expect(await complete("one", "x".repeat(200 * kib), { "content-encoding": "gzip" })).toBe(429);
    expect(await complete("one", "x".repeat(50 * kib), { "content-encoding": "gzip" })).not.toBe(429);
  });

  it.each<[string, { type: string; coding?: string; length: number; status: number }]>([
    ["said to be larger than one may be", { type: "application/json", length: 9 * 2 ** 20, status: 413 }],
    [
      "that no coding is read of",
      { type: "application/json", coding: "compress", length: 200 * kib, status: 415 },
    ],
    ["of another type", { type: "text/plain", length: 200 * kib, status: 415 }],
  ])("end a request by itself: a body %s", async (_name, { type, coding = "identity", length, status }) => {
    using connection = await Connection.open(server.app);
    await connection.send(
      [
        "POST /v1/completions HTTP/1.1",
        "Host: localhost",
        `Content-Type: ${type}`,
        `Content-Encoding: ${coding}`,
        "Authorization: Bearer many",
        `Content-Length: ${length}`,
        "",
        "{",
      ].join("\r\n"),
    );
    expect((await connection.response()).status).toBe(status);
    expect(await complete("one", "")).toBe(200);
  });

  it("are no more when they are answered, refused, or left", async () => {
    await Promise.all(Array.from({ length: 20 }, () => complete("one", "x".repeat(free))));
    const left = await begin("many", free + 60 * kib);
    await expect.poll(() => counted()).toBe(60);
    left[Symbol.dispose]();
    await expect.poll(() => counted()).toBe(0);
    expect(await complete("many", "x".repeat(60 * kib))).not.toBe(429);
  });

  it("include messages of sockets that are on their way", async () => {
    const socket = await watch(server);
    socket.send("x".repeat(50 * kib), { fin: false });
    await expect.poll(() => counted()).toBeGreaterThan(30);
    socket.send("x".repeat(20 * kib), { fin: true });
    await expect.poll(() => counted()).toBe(0);
    socket.send("x".repeat(60 * kib), { fin: false });
    socket.send("x".repeat(60 * kib), { fin: false });
    const [code] = (await once(socket, "close")) as [number];
    expect(code).toBe(1013);
  });

  it("are not the pings and pongs of a socket", async () => {
    const socket = await watch(server);
    const data = "x".repeat(125);
    for (let index = 0; index < 450; index++) {
      socket.ping(data);
      socket.pong(data);
    }
    socket.send("x".repeat(40 * kib), { fin: false });
    socket.ping("last");
    for await (const [pong] of on(socket, "pong") as AsyncIterable<[Buffer]>)
      if (String(pong) === "last") break;
    expect(Math.round(await counted())).toBe(40 - 16);
    socket.terminate();
  });
});

describe("bodies that wait for their answers", () => {
  const gated = async (gate: Gate): Promise<Server> => {
    const completer = await createToyCompleter({ onStep: gate.onStep });
    const held = await createTestApp({ completer, bodiesLimit: 100 * kib, apiKeys: ["many", "one"] });
    await held.app.listen({ host: "127.0.0.1", port: 0 });
    return held;
  };

  it("leave a quarter to others", async () => {
    const gate = new Gate();
    await using held = await gated(gate);
    const text = (kibs: number): string => "x".repeat(free + kibs * kib);
    const waiting = [complete("many", text(35), {}, held), complete("many", text(35), {}, held)];
    await expect.poll(() => metric("num_requests_running", held)).toBe(2);
    expect(await complete("many", text(20), {}, held)).toBe(429);
    const other = complete("one", text(20), {}, held);
    await expect.poll(() => metric("num_requests_running", held)).toBe(3);
    gate.open();
    expect(await Promise.all([...waiting, other])).toEqual([200, 200, 200]);
    await expect.poll(() => counted(held)).toBe(0);
  });

  it("are messages of sockets, too", async () => {
    const gate = new Gate();
    await using held = await gated(gate);
    const socket = await watch(held);
    const send = (id: string): void => {
      socket.send(
        JSON.stringify({ id, prompt: "1+1=", max_tokens: 1, user: "x".repeat(free + 35 * kib), events: [] }),
      );
    };
    send("1");
    send("2");
    await expect.poll(() => metric("num_requests_running", held)).toBe(2);
    expect(Math.floor(await counted(held))).toBe(70);
    expect(await complete("many", "x".repeat(free + 20 * kib), {}, held)).toBe(429);
    gate.open();
    await expect.poll(() => counted(held)).toBe(0);
    socket.terminate();
  });

  it("are given back where a socket leaves, and where a message asks for nothing that runs", async () => {
    const gate = new Gate();
    await using held = await gated(gate);
    const socket = await watch(held);
    const user = "x".repeat(free + 10 * kib);
    for (const message of [{ user }, { type: "cancel", id: "1", user }, { id: "2", prompt: 5, user }]) {
      socket.send(JSON.stringify(message));
    }
    socket.send(JSON.stringify({ id: "3", prompt: "1+1=", max_tokens: 1, user }));
    await expect.poll(() => metric("num_requests_running", held)).toBe(1);
    expect(Math.floor(await counted(held))).toBe(10);
    socket.terminate();
    gate.open();
    await expect.poll(() => counted(held)).toBe(0);
  });
});
