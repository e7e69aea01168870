import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../support/connection.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";

/** Requests that ask for another protocol, which HTTP/1.1 allows a server to ignore. */

const h2c = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAB"];

const head = (line: string, headers: readonly string[] = h2c): string =>
  [`${line} HTTP/1.1`, "Host: localhost", ...headers, "", ""].join("\r\n");

const json = JSON.stringify({ prompt: "7-2*3+4=", seed: 1, sampler: "greedy", max_tokens: 8 });

const post = (body = json, headers: readonly string[] = h2c): string =>
  head("POST /v1/completions", [
    ...headers,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]) + body;

describe("an upgrade that is not offered", () => {
  let server: Awaited<ReturnType<typeof createTestApp>>;
  let text: string;
  beforeAll(async () => {
    server = await createTestApp();
    text = (await server.complete(JSON.parse(json) as object)).choices[0]!.text;
  });
  afterAll(() => server[Symbol.asyncDispose]());
  const textOf = (body: string): string =>
    (JSON.parse(body) as { choices: { text: string }[] }).choices[0]!.text;

  it.each([
    ["h2c, as Java's HttpClient and curl ask", h2c],
    ["websocket, where no socket is", ["Connection: Upgrade", "Upgrade: websocket"]],
    ["TLS", ["Connection: upgrade", "Upgrade: TLS/1.0"]],
    ["any", ["Connection: keep-alive, UPGRADE", "UPGRADE: Foo/7"]],
    ["several in a list", ["Connection: Upgrade", "Upgrade: h2c, websocket, IRC/6.9"]],
    [
      "several in headers of their own",
      ["Connection: Upgrade", "Upgrade: h2c", "Connection: HTTP2-Settings", "Upgrade: foo"],
    ],
    [
      "a whole handshake of WebSocket elsewhere",
      [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
      ],
    ],
  ])("is ignored, and the connection goes on: %s", async (_name, headers) => {
    using connection = await Connection.open(server.app);
    await connection.send(head("GET /v1/models", headers));
    const models = await connection.response();
    expect(models.status).toBe(200);
    expect(models.body).toContain("abacus:power");
    await connection.send(post(json, headers));
    const completion = await connection.response();
    expect(completion.status).toBe(200);
    expect(textOf(completion.body)).toBe(text);
    await connection.send(head("GET /nowhere", headers));
    expect((await connection.response()).status).toBe(404);
    await connection.send(post(json, []));
    expect(textOf((await connection.response()).body)).toBe(text);
  });

  it("leaves bodies whole: in pieces, chunked, behind 100-continue, and of megabytes", async () => {
    using connection = await Connection.open(server.app);
    const whole = post();
    for (const piece of [whole.slice(0, 30), whole.slice(30, -20), whole.slice(-20)])
      await connection.send(piece);
    expect(textOf((await connection.response()).body)).toBe(text);

    const chunked = [...h2c, "Content-Type: application/json", "Transfer-Encoding: chunked"];
    const half = json.slice(0, 20);
    const rest = json.slice(20);
    await connection.send(
      `${head("POST /v1/completions", chunked)}${half.length.toString(16)}\r\n${half}\r\n`,
    );
    await connection.send(`${rest.length.toString(16)}\r\n${rest}\r\n0\r\n\r\n`);
    expect(textOf((await connection.response()).body)).toBe(text);

    const expecting = [...h2c, "Content-Type: application/json", `Content-Length: ${json.length}`];
    await connection.send(head("POST /v1/completions", [...expecting, "Expect: 100-continue"]));
    expect((await connection.response()).status).toBe(100);
    await connection.send(json);
    expect(textOf((await connection.response()).body)).toBe(text);

    const large = `${json}${" ".repeat(4_000_000)}`;
    await connection.send(post(large));
    expect(textOf((await connection.response()).body)).toBe(text);
  });

  it("answers in order where requests are sent ahead of answers", async () => {
    using connection = await Connection.open(server.app);
    const plain = head("GET /version", []);
    const slow = JSON.stringify({ prompt: "7-2*3+4=", sampler: "power", seed: 1, mcmc_steps: 4 });
    await connection.send(`${post(slow, [])}${head("GET /v1/models")}${head("GET /version")}${plain}`);
    const bodies = [];
    for (let index = 0; index < 4; index++) bodies.push((await connection.response()).body);
    expect(bodies[0]).toContain('"power"');
    expect(bodies[1]).toContain('"object":"list"');
    expect(bodies.slice(2)).toEqual([bodies[2], bodies[2]]);
    expect(bodies[2]).toContain('"version"');
  });

  it("streams", async () => {
    using connection = await Connection.open(server.app);
    await connection.send(post(JSON.stringify({ ...(JSON.parse(json) as object), stream: true })));
    const reply = await connection.response();
    expect(reply.headers["content-type"]).toMatch(/^text\/event-stream/);
    const events = parseEvents(reply.body) as { choices: { text: string }[] }[];
    expect(events.map(({ choices }) => choices[0]?.text ?? "").join("")).toBe(text);
    await connection.send(head("GET /v1/models"));
    expect((await connection.response()).status).toBe(200);
  });

  it("is ignored any number of times on one connection", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on("warning", note);
    using connection = await Connection.open(server.app);
    for (let index = 0; index < 30; index++) {
      await connection.send(head("GET /version"));
      expect((await connection.response()).status).toBe(200);
    }
    process.off("warning", note);
    expect(warnings).toEqual([]);
  });

  it("does no harm where the client is gone before its turn", async () => {
    const slow = JSON.stringify({ prompt: "7-2*3+4=", sampler: "power", seed: 1, mcmc_steps: 50 });
    {
      using connection = await Connection.open(server.app);
      await connection.send(`${post(slow, [])}${head("GET /v1/models")}`);
    }
    expect((await server.app.inject({ url: "/health" })).statusCode).toBe(200);
  });
});

describe("the upgrade that is offered", () => {
  const key = "dGhlIHNhbXBsZSBub25jZQ==";
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  const handshake = [`Sec-WebSocket-Key: ${key}`, "Sec-WebSocket-Version: 13"];

  it.each(["websocket", "WebSocket", "h2c, websocket"])("is taken by the name %s", async (protocol) => {
    await using server = await createTestApp();
    using connection = await Connection.open(server.app);
    const headers = ["Connection: keep-alive, Upgrade", `Upgrade: ${protocol}`, ...handshake];
    // Behind an answer that is under way, and at the path with a slash more.
    await connection.send(`${head("GET /version", [])}${head("GET /v1/completions/ws/?x=1", headers)}`);
    expect((await connection.response()).status).toBe(200);
    const reply = await connection.response();
    expect(reply.status).toBe(101);
    expect(reply.headers).toMatchObject({ upgrade: "websocket", "sec-websocket-accept": accept });
  });

  it.each([
    ["none asked for", []],
    ["another", h2c],
    ["no key", ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]],
    [
      "an old version",
      ["Connection: Upgrade", "Upgrade: websocket", `Sec-WebSocket-Key: ${key}`, "Sec-WebSocket-Version: 7"],
    ],
  ])("is required there: %s", async (_name, headers) => {
    await using server = await createTestApp();
    using connection = await Connection.open(server.app);
    await connection.send(head("GET /v1/completions/ws", headers));
    const reply = await connection.response();
    expect(reply.status).toBe(426);
    expect(reply.headers).toMatchObject({ upgrade: "websocket", "sec-websocket-version": "13" });
    expect(JSON.parse(reply.body)).toMatchObject({ error: { type: "invalid_request_error", param: null } });
  });
});
