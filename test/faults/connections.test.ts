import { spawn } from "node:child_process";
import { once } from "node:events";
import { get as ask } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setImmediate, setTimeout } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { connectionsWithin, unitOf } from "../../src/server/connection-limits.ts";
import type { ConnectionLimits } from "../../src/server/connection-limits.ts";
import type { AppOptions } from "../../src/server/app.ts";
import { trustedProxies } from "../../src/server/trusted-proxies.ts";
import { watchPath } from "../../src/server/watch/protocol.ts";
import type { Completer } from "../../src/decoder/completer.ts";
import { Connection } from "../support/connection.ts";
import { createTestApp } from "../support/embedded.ts";
import { Gate } from "../support/gate.ts";
import { createToyCompleter } from "../support/toy-completer.ts";

/** Clients that send slowly, or nothing, or too much; that read nothing; that are too many. */

let completer: Awaited<ReturnType<typeof createToyCompleter>>;
beforeAll(async () => {
  completer = await createToyCompleter();
});
afterAll(() => completer[Symbol.asyncDispose]());

async function listen(connections: Partial<ConnectionLimits>, options: Partial<AppOptions> = {}) {
  const { app } = await createTestApp({ completer, connections, ...options });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return { app, [Symbol.asyncDispose]: () => app.close() };
}

const get = (path = "/version"): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

const post = (body: string, length = body.length, headers = ""): string =>
  `POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;

const handshake = [
  `GET ${watchPath} HTTP/1.1`,
  "Host: localhost",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "",
  "",
].join("\r\n");

const open = (app: FastifyInstance): Promise<number> =>
  new Promise((resolve, reject) => {
    app.server.getConnections((error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });

describe.concurrent("a client that is slow or silent loses its connection", () => {
  const short = { headersTimeoutMs: 200, bodyTimeoutMs: 400, idleTimeoutMs: 200, writeTimeoutMs: 300 };
  let server: Awaited<ReturnType<typeof listen>>;
  beforeAll(async () => {
    server = await listen(short);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it.each([
    ["sends nothing", "", ""],
    ["stops amid the request's line", "GET /ver", ""],
    ["drips headers", "GET /version HTTP/1.1\r\nHost: localhost\r\n", "x-a: b\r\n"],
    ["drips one header without an end", "GET /version HTTP/1.1\r\nHost: localhost\r\nx-a: ", "b"],
    ["drips a body", post("{", 1000), " "],
    [
      "drips a chunked body",
      post("", 0).replace("Content-Length: 0", "Transfer-Encoding: chunked"),
      "1\r\n \r\n",
    ],
    [
      "stops amid a chunk",
      post("", 0).replace("Content-Length: 0", "Transfer-Encoding: chunked") + "5\r\n{",
      "",
    ],
    ["promises a body", post("", 10), ""],
    ["waits for 100 and sends no body", post("", 10, "Expect: 100-continue\r\n"), ""],
    [
      "drips the body of a request that is refused",
      post("{", 1000).replace("/v1/completions", "/nowhere"),
      " ",
    ],
    ["drips a body and asks for an upgrade", post("{", 1000, "Connection: Upgrade\r\nUpgrade: h2c\r\n"), " "],
    ["is idle after an answer", get(), ""],
    ["drips line ends after an answer", get(), "\r\n"],
    ["drips a second request", `${get()}GET /`, "a"],
  ])("that %s", async (_name, first, drip) => {
    using connection = await Connection.open(server.app);
    await connection.send(first);
    const timer = setInterval(() => drip !== "" && void connection.send(drip).catch(() => undefined), 20);
    await connection.closed();
    clearInterval(timer);
  });

  it("is told so where that can still be", async () => {
    using connection = await Connection.open(server.app);
    await connection.send(post("{", 1000));
    const { status, body } = await connection.response();
    expect(status).toBe(408);
    expect(body).toContain("did not arrive in time");
  });

  it("and not one whose answer takes longer than any of these times", async () => {
    const gate = new Gate();
    await using slow = await listen(short, { completer: await createToyCompleter({ onStep: gate.onStep }) });
    using connection = await Connection.open(slow.app);
    await connection.send(post(JSON.stringify({ prompt: "1+1=", max_tokens: 4 })));
    await gate.reached;
    await setTimeout(900);
    gate.open();
    expect((await connection.response()).status).toBe(200);
  });
});

/** Far more than the kernel keeps for a client that does not read it, pieces. */
const morePiecesThanFit = 100;

/** Never ends an answer but when its signal says so, and counts those begun and those under way. */
function endless() {
  let begun = 0;
  let running = 0;
  const counted: Completer & { readonly begun: () => number; readonly running: () => number } = {
    model: completer.model,
    tokenizer: completer.tokenizer,
    prompts: completer.prompts,
    begun: () => begun,
    running: () => running,
    async *complete(_request, signal) {
      begun++;
      running++;
      try {
        for (let count = 0; count < morePiecesThanFit; count++) {
          await setImmediate(undefined, { signal });
          yield { type: "text", tokens: [], text: "x".repeat(200_000) };
        }
        await setTimeout(2 ** 30, undefined, { signal });
      } finally {
        running--;
      }
    },
    endEarly: () => undefined,
    checkConstraint: () => Promise.resolve(),
    score: () => Promise.resolve([]),
    health: () => completer.health(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return counted;
}

describe.concurrent("a client that reads nothing", () => {
  const stream = post(JSON.stringify({ prompt: "1+1=", stream: true }));
  const masked = (text: string): Buffer => {
    const head = Buffer.from([0x81, 0xfe, 0, 0, 0, 0, 0, 0]);
    head.writeUInt16BE(text.length, 2);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  it.each([
    ["a stream", [stream], 1],
    ["streams that it asked for in one go", [stream.repeat(3)], 3],
    ["a stream, while it goes on sending", [stream, ...Array<string>(20).fill(get())], 1],
    ["a WebSocket", [handshake, masked(JSON.stringify({ id: "1", prompt: "1+1=" }))], 1],
  ])("of %s has it ended, and what made it too", async (_name, messages, count) => {
    const completer = endless();
    await using server = await listen({ writeTimeoutMs: 300 }, { completer });
    const client = connect((server.app.server.address() as AddressInfo).port, "127.0.0.1").pause();
    client.on("error", () => undefined);
    for (const message of messages) {
      client.write(message);
      await setTimeout(10);
    }
    await expect.poll(completer.begun).toBe(count);
    await expect.poll(completer.running).toBe(0);
    await expect.poll(() => open(server.app)).toBe(0);
    client.destroy();
  });
});

describe("connections that are too many", () => {
  const idle = async (app: FastifyInstance, count: number) => {
    const all: Connection[] = [];
    for (let index = 0; index < count; index++) all.push(await Connection.open(app));
    return all;
  };
  const statusOf = async (app: FastifyInstance, path = "/version") => {
    using connection = await Connection.open(app);
    await connection.send(get(path));
    return (await connection.response()).status;
  };

  it.each([
    ["say nothing", ""],
    ["say half a request", "GET /version HT"],
    ["had an answer", get()],
    ["drip a body", post("{", 1000)],
    ["are WebSockets without a request", handshake],
  ])("and %s make room for others, the oldest first", async (_name, first) => {
    await using server = await listen({ maxConnections: 8, maxPerAddress: 8 });
    const all = await idle(server.app, 8);
    for (const connection of all) await connection.send(first);
    if (first.endsWith("\r\n\r\n")) for (const connection of all) await connection.response();
    for (let index = 0; index < 20; index++) expect(await statusOf(server.app)).toBe(200);
    await all[0]!.closed();
    expect(await open(server.app)).toBeLessThanOrEqual(9);
    for (const connection of all) connection[Symbol.dispose]();
  });

  it.each([
    ["of all", { maxConnections: 4, maxPerAddress: 100 }, "--max-connections"],
    ["of an address", { maxConnections: 100, maxPerAddress: 4 }, "--connections-per-address"],
  ])("and all at work leave /health to others, and are not disturbed: %s", async (_name, limits, flag) => {
    const gate = new Gate();
    const gated = await createToyCompleter({ onStep: gate.onStep });
    await using server = await listen(limits, { completer: gated });
    const all = await idle(server.app, 4);
    for (const connection of all)
      await connection.send(post(JSON.stringify({ prompt: "1+1=", max_tokens: 4 })));
    await expect.poll(async () => (await server.app.inject("/metrics")).body).toMatch(/_running 4\n/);
    using refused = await Connection.open(server.app);
    await refused.send(get());
    const answer = await refused.response();
    expect(answer.status).toBe(429);
    expect(answer.headers).toMatchObject({
      connection: "close",
      "retry-after": "1",
      "x-should-retry": "true",
    });
    expect(JSON.parse(answer.body)).toMatchObject({
      error: { code: "overloaded", type: "rate_limit_error" },
    });
    expect(answer.body).toContain(flag);
    await refused.closed();
    const silent = await idle(server.app, 60);
    for (let index = 0; index < 40; index++) expect(await statusOf(server.app, "/health")).toBe(200);
    expect(await open(server.app)).toBeLessThanOrEqual(4 + 33);
    gate.open();
    for (const connection of all) expect((await connection.response()).status).toBe(200);
    for (const connection of [...all, ...silent]) connection[Symbol.dispose]();
    await expect.poll(() => statusOf(server.app)).toBe(200);
  });

  it("of a trusted proxy are not those of one address", async () => {
    const gate = new Gate();
    const gated = await createToyCompleter({ onStep: gate.onStep });
    const trustProxy = trustedProxies(["loopback"]);
    await using server = await listen({ maxPerAddress: 2 }, { completer: gated, trustProxy });
    const all = await idle(server.app, 4);
    for (const connection of all)
      await connection.send(post(JSON.stringify({ prompt: "1+1=", max_tokens: 4 })));
    await expect.poll(async () => (await server.app.inject("/metrics")).body).toMatch(/_running 4\n/);
    expect(await statusOf(server.app)).toBe(200);
    gate.open();
    for (const connection of all) expect((await connection.response()).status).toBe(200);
    for (const connection of all) connection[Symbol.dispose]();
  });

  it("are counted by IPv4 address, and by network of IPv6", () => {
    expect(unitOf("::ffff:192.0.2.1")).toBe(unitOf("192.0.2.1"));
    expect(unitOf("2001:db8::1")).toBe(unitOf("2001:db8:0:0:ffff::2"));
    expect(unitOf("2001:db8:0:1::1")).not.toBe(unitOf("2001:db8::1"));
    expect(unitOf("fe80::1%eth0")).toBe(unitOf("fe80::2"));
    expect(unitOf("::1")).not.toBe(unitOf("127.0.0.1"));
    expect([64, 256, 1024].map(connectionsWithin)).toEqual([8, 128, 704]);
  });
});

describe("requests that are pipelined", () => {
  it("are answered in order as far as a hundred, and by the thousand end their connection alone", async () => {
    await using server = await listen({});
    using fine = await Connection.open(server.app);
    await fine.send(get().repeat(50));
    for (let index = 0; index < 50; index++) expect((await fine.response()).status).toBe(200);
    let unfinished = 0;
    let answered = 0;
    server.app.server.on("request", (_request, response) => {
      unfinished++;
      response.once("close", () => {
        unfinished--;
        if (response.headersSent) answered++;
      });
    });
    using flood = await Connection.open(server.app);
    await flood.send(get().repeat(20_000)).catch(() => undefined);
    await flood.closed();
    // All but what has come before the limit is no work, and none of it keeps the server from ending.
    await expect.poll(() => unfinished).toBe(0);
    expect(answered).toBeLessThanOrEqual(100);
    await fine.send(get());
    expect((await fine.response()).status).toBe(200);
  });

  /** What a connection has pipelined behind a completion that waits, which keeps all of it waiting. */
  const behindCompletion = async (app: FastifyInstance, gate: Gate, requests: string) => {
    const responses: ServerResponse[] = [];
    app.server.on("request", (_request, response) => responses.push(response));
    const connection = await Connection.open(app);
    await connection.send(post(`{"prompt":"1+1=","max_tokens":1}`) + requests);
    await gate.reached;
    // Turns enough for far more than these requests; /version is answered in one.
    for (let look = 0; look < 20; look++) await expectAnswer(app);
    return { connection, responses };
  };
  const expectAnswer = async (app: FastifyInstance): Promise<void> => {
    expect((await app.inject("/version")).statusCode).toBe(200);
  };
  const gated = async (gate: Gate) => {
    const slow = await createToyCompleter({ onStep: gate.onStep });
    const server = await listen({}, { completer: slow });
    const close = async (): Promise<void> => {
      gate.open();
      await server[Symbol.asyncDispose]();
    };
    return { app: server.app, [Symbol.asyncDispose]: close };
  };

  it.each([
    ["1 version", get(), 1],
    ["40 versions", get(), 40],
    ["8 files", get("/docs/static/swagger-ui-bundle.js"), 8],
    ["10 heads of files", get("/docs/static/swagger-ui-bundle.js").replace("GET", "HEAD"), 10],
    ["10 lists", get("/v1/models"), 10],
  ])("are read for when the answer before has been written: %s", async (_name, request, count) => {
    const gate = new Gate();
    await using server = await gated(gate);
    const { connection, responses } = await behindCompletion(server.app, gate, request.repeat(count));
    await expect.poll(() => responses.length).toBe(1 + count);
    expect(responses.filter(({ headersSent }) => headersSent)).toHaveLength(0);
    gate.open();
    await expect.poll(() => responses.every(({ headersSent }) => headersSent)).toBe(true);
    connection[Symbol.dispose]();
    await expect.poll(() => responses.every(({ closed }) => closed)).toBe(true);
  });

  it("are never read for once their client has left", async () => {
    const gate = new Gate();
    await using server = await gated(gate);
    const files = get("/docs/static/swagger-ui-bundle.js").repeat(40);
    const { connection, responses } = await behindCompletion(server.app, gate, files);
    connection[Symbol.dispose]();
    await expect.poll(() => responses.every(({ destroyed }) => destroyed)).toBe(true);
    gate.open();
    for (let look = 0; look < 20; look++) await expectAnswer(server.app);
    expect(responses.slice(1).filter(({ headersSent }) => headersSent)).toHaveLength(0);
  });

  it("have their bodies read while the answer before is waited for", async () => {
    const gate = new Gate();
    await using server = await gated(gate);
    const requests: IncomingMessage[] = [];
    server.app.server.on("request", (request) => requests.push(request));
    const large = post(JSON.stringify({ prompt: "1+1=", max_tokens: 1, user: "x".repeat(1_000_000) }));
    const { connection } = await behindCompletion(server.app, gate, large);
    await expect.poll(() => requests.map(({ complete }) => complete)).toEqual([true, true]);
    gate.open();
    for (let index = 0; index < 2; index++) expect((await connection.response()).status).toBe(200);
    connection[Symbol.dispose]();
  });

  it("and ask for upgrades that are not offered leave nothing behind on their connection", async () => {
    await using server = await listen({});
    let socket: Socket | undefined;
    server.app.server.once("connection", (opened: Socket) => (socket = opened));
    using connection = await Connection.open(server.app);
    const upgrade = get().replace("\r\n\r\n", "\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    const listeners = (): number =>
      socket!.eventNames().reduce((sum, name) => sum + socket!.listenerCount(name), 0);
    const counts: number[] = [];
    for (let index = 0; index < 60; index++) {
      await connection.send(upgrade);
      expect((await connection.response()).status).toBe(200);
      counts.push(listeners());
    }
    expect(counts.at(-1)).toBeLessThanOrEqual(counts[1]! + 2);
  });
});

describe("a WebSocket that floods the server", () => {
  /** A masked frame; the mask is zero. */
  const frame = (first: number, payload = ""): Buffer =>
    Buffer.concat([Buffer.from([first, 0x80 | payload.length, 0, 0, 0, 0]), Buffer.from(payload)]);
  const many = (count: number, each: Buffer): Buffer => Buffer.concat(Array<Buffer>(count).fill(each));

  it.each([
    ["pings", many(20_000, frame(0x89))],
    ["pings with something in them", many(5000, frame(0x89, "x".repeat(100)))],
    ["pongs that were not asked for", many(20_000, frame(0x8a))],
    ["pings amid a message", Buffer.concat([frame(0x01, "{"), many(20_000, frame(0x89))])],
    ["fragments without an end", Buffer.concat([frame(0x01, "{"), many(20_000, frame(0x00, " "))])],
  ])("with %s loses its connection, and others are answered", async (_name, flood) => {
    await using server = await listen({});
    using connection = await Connection.open(server.app);
    await connection.send(handshake);
    expect((await connection.response()).status).toBe(101);
    await connection.send(flood).catch(() => undefined);
    using other = await Connection.open(server.app);
    await other.send(get());
    expect((await other.response()).status).toBe(200);
    await connection.closed();
  });

  it("is not one that sends a ping now and then", async () => {
    await using server = await listen({});
    const { port } = server.app.server.address() as AddressInfo;
    const socket = new WebSocket(`ws://127.0.0.1:${port}${watchPath}`);
    await once(socket, "open");
    for (let index = 0; index < 5; index++) {
      socket.ping(String(index));
      const [data] = (await once(socket, "pong")) as [Buffer];
      expect(data.toString()).toBe(String(index));
    }
    socket.terminate();
  });
});

describe("a process that has no descriptor left", () => {
  it("closes connections that wait, and answers others", async () => {
    const module = new URL("../../dist/server/connections.js", import.meta.url).href;
    const script = `
      import { closeSync, openSync } from "node:fs";
      import { Connections } from ${JSON.stringify(module)};
      const limits = { maxConnections: 10_000, maxPerAddress: 10_000, headersTimeoutMs: 1e8, idleTimeoutMs: 1e8, writeTimeoutMs: 200 };
      const connections = new Connections(limits, { trustProxy: () => false, log: undefined });
      const server = connections.createServer((_request, response) => response.end("here"), {});
      const files = [];
      server.listen(0, "127.0.0.1", () => {
        try {
          for (;;) files.push(openSync("/dev/null"));
        } catch {
          // Connections may have the place of these.
          for (const file of files.slice(0, 30)) closeSync(file);
        }
        console.log(server.address().port);
      });`;
    const command = `ulimit -n 400 && exec "$0" --input-type=module --eval "$1"`;
    const child = spawn("/bin/sh", ["-c", command, process.execPath, script]);
    onTestFinished(() => void child.kill());
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const port = Number(line.toString());
    const idle = Array.from({ length: 200 }, () => connect(port, "127.0.0.1").on("error", () => undefined));
    const status = () =>
      new Promise((resolve) => {
        const asked = ask({ port, host: "127.0.0.1", agent: false }, (reply) => {
          resolve(reply.resume().statusCode);
        });
        asked.on("error", resolve);
      });
    for (let index = 0; index < 3; index++) await expect.poll(status).toBe(200);
    for (const socket of idle) socket.destroy();
  });
});

describe("a file that no descriptor is left for", () => {
  it.each(["EMFILE", "ENFILE"])("is an error that says so, and to be tried again: %s", async (code) => {
    const app = await createTestApp({
      completer: { ...endless(), health: () => Promise.reject(Object.assign(new Error("no"), { code })) },
    });
    const reply = await app.app.inject("/health");
    expect(reply.statusCode).toBe(429);
    expect(reply.body).toContain("ulimit -n");
    expect(reply.headers["x-should-retry"]).toBe("true");
    await app.app.close();
  });
});
