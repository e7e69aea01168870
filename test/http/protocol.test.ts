import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../support/connection.ts";
import { createTestApp } from "../support/embedded.ts";

/** What fails before there is a request, or is not one that any route takes. */

const host = "Host: localhost\r\n";
const json = JSON.stringify({ prompt: "1+1=", max_tokens: 4 });
const length = `Content-Type: application/json\r\nContent-Length: ${json.length}\r\n`;

const shape = {
  error: {
    message: expect.stringMatching(/\w{3}.*\.$/s) as unknown,
    type: "invalid_request_error",
    param: null,
    code: "invalid_request",
  },
};

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

async function ask(...parts: readonly string[]) {
  using connection = await Connection.open(server.app);
  for (const part of parts) await connection.send(part);
  const reply = await connection.response();
  return { ...reply, json: reply.body === "" ? undefined : (JSON.parse(reply.body) as object) };
}

describe("malformed HTTP gets an error of OpenAI's shape", () => {
  it.each([
    ["no HTTP", "hello\r\n\r\n", 400],
    ["no version", "GET /v1/models\r\n\r\n", 400],
    ["another version", `GET /v1/models HTTP/9.9\r\n${host}\r\n`, 400],
    ["HTTP/2 by prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
    ["TLS", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001", 400],
    ["a header without a colon", `GET /v1/models HTTP/1.1\r\n${host}nonsense\r\n\r\n`, 400],
    ["a space before the colon", `GET /v1/models HTTP/1.1\r\n${host}X-A : 1\r\n\r\n`, 400],
    ["no Host", "GET /v1/models HTTP/1.1\r\n\r\n", 400],
    ["two Hosts", `GET /v1/models HTTP/1.1\r\n${host}Host: elsewhere\r\n\r\n`, 400],
    [
      "two keys",
      `GET /v1/models HTTP/1.1\r\n${host}Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n`,
      400,
    ],
    [
      "two types",
      `POST /v1/completions HTTP/1.1\r\n${host}${length}Content-Type: a/b\r\ncontent-type: c/d\r\n\r\n${json}`,
      400,
    ],
    ["two origins", `GET /v1/models HTTP/1.1\r\n${host}Origin: http://a\r\nOrigin: http://b\r\n\r\n`, 400],
    ["a length that is none", `POST /v1/completions HTTP/1.1\r\n${host}Content-Length: many\r\n\r\n`, 400],
    ["a negative length", `POST /v1/completions HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`, 400],
    ["two lengths", `POST /v1/completions HTTP/1.1\r\n${host}${length}Content-Length: 7\r\n\r\n${json}`, 400],
    [
      "length and chunks",
      `POST /v1/completions HTTP/1.1\r\n${host}${length}Transfer-Encoding: chunked\r\n\r\n`,
      400,
    ],
    [
      "a transfer coding that ends no body",
      `POST /v1/completions HTTP/1.1\r\n${host}Transfer-Encoding: gzip\r\n\r\n`,
      400,
    ],
    [
      "a transfer coding that is not read",
      `POST /v1/completions HTTP/1.1\r\n${host}Content-Type: application/json\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      "a chunk without a size",
      `POST /v1/completions HTTP/1.1\r\n${host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n`,
      400,
    ],
    ["headers too large", `GET /v1/models HTTP/1.1\r\n${host}X-A: ${"a".repeat(20_000)}\r\n\r\n`, 431],
    ["a path too large", `GET /${"a".repeat(20_000)} HTTP/1.1\r\n${host}\r\n`, 431],
    ["an expectation", `POST /v1/completions HTTP/1.1\r\n${host}${length}Expect: 200-ok\r\n\r\n${json}`, 417],
    ["a path that cannot be decoded", `GET /%zz HTTP/1.1\r\n${host}\r\n`, 400],
    ["a path that is not UTF-8", `GET /v1/models/%ff HTTP/1.1\r\n${host}\r\n`, 400],
    ["a path that ends amid a code", `GET /v1/models/a% HTTP/1.1\r\n${host}\r\n`, 400],
  ])("%s", async (_name, text, status) => {
    const reply = await ask(text);
    expect(reply.json).toEqual(shape);
    expect(reply.status).toBe(status);
    expect(reply.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(reply.headers["x-should-retry"]).toBe("false");
  });

  it("says which handshakes of WebSocket are none", async () => {
    const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    const reply = await ask(
      `GET /v1/completions/ws HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n${key}Sec-WebSocket-Protocol: ,\r\n\r\n`,
    );
    expect(reply).toMatchObject({ status: 400, json: shape });
  });

  it("names the time that ran out", async () => {
    using connection = await Connection.open(server.app);
    server.app.server.once("connection", (socket) => {
      // As Node's clock does.
      socket.once("data", () =>
        server.app.server.emit(
          "clientError",
          Object.assign(new Error("Request timeout"), { code: "ERR_HTTP_REQUEST_TIMEOUT" }),
          socket,
        ),
      );
    });
    using late = await Connection.open(server.app);
    await late.send(`POST /v1/completions HTTP/1.1\r\n${host}${length}\r\n{`);
    const reply = await late.response();
    expect(reply).toMatchObject({ status: 408, headers: { "x-should-retry": "true", connection: "close" } });
    expect(JSON.parse(reply.body)).toEqual(shape);
    expect(connection).toBeDefined();
  });

  it("waits for answers under way, and does not write into them", async () => {
    using connection = await Connection.open(server.app);
    const body = JSON.stringify({ prompt: "7-2*3+4=", sampler: "power", mcmc_steps: 8, stream: true });
    await connection.send(
      `POST /v1/completions HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}nonsense\r\n\r\n`,
    );
    const stream = await connection.response();
    expect(stream.body).toMatch(/data: \[DONE\]\n\n$/);
    const reply = await connection.response();
    expect(reply.status).toBe(400);
    expect(JSON.parse(reply.body)).toEqual(shape);
    await connection.closed();
  });
});

describe("methods", () => {
  const routes = {
    "/v1/models": "GET, HEAD",
    "/v1/models/abacus": "GET, HEAD",
    "/v1/completions": "POST",
    "/v1/chat/completions/": "POST",
    "/health?verbose=1": "GET, HEAD",
    "/metrics": "GET, HEAD",
    "/openapi.yaml": "GET, HEAD",
    "//tokenize": "POST",
    "/v1/completions/ws": "GET",
  };
  const methods = [
    "OPTIONS",
    "TRACE",
    "PUT",
    "PATCH",
    "DELETE",
    "PROPFIND",
    "M-SEARCH",
    "FOO",
    "get",
    "QUERYX",
  ];

  it.each(Object.entries(routes))("that %s does not take get 405 and those it does", async (path, allow) => {
    for (const method of methods) {
      const reply = await ask(`${method} ${path} HTTP/1.1\r\n${host}\r\n`);
      expect({ method, status: reply.status, allow: reply.headers.allow }).toEqual({
        method,
        status: 405,
        allow,
      });
      expect(reply.json).toEqual(shape);
    }
  });

  it.each(["FOO", "QUERYX"])("%s behind other requests in one packet is told the same", async (method) => {
    using connection = await Connection.open(server.app);
    const fine = `POST /v1/completions HTTP/1.1\r\n${host}${length}\r\n${json}`;
    await connection.send(
      `${fine}GET /version HTTP/1.1\r\n${host}\r\n${method} /version HTTP/1.1\r\n${host}\r\n`,
    );
    for (const status of [200, 200]) expect((await connection.response()).status).toBe(status);
    expect(await connection.response()).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
  });

  it("a wrong method is told before the body is looked at", async () => {
    const reply = await ask(
      `PUT /v1/completions HTTP/1.1\r\n${host}Content-Type: text/x\r\nContent-Length: 3\r\n\r\n{{{`,
    );
    expect(reply.status).toBe(405);
  });

  it.each([...methods, "GET", "POST"])("%s of an unknown path gets 404", async (method) => {
    const reply = await ask(
      `${method} /nowhere HTTP/1.1\r\n${host}Content-Type: text/x\r\nContent-Length: 1\r\n\r\nx`,
    );
    expect(reply.status).toBe(404);
    expect(reply.headers.allow).toBeUndefined();
    expect(reply.json).toEqual(shape);
  });

  it("CONNECT gets 405: this server is no proxy", async () => {
    const reply = await ask(`CONNECT example.com:443 HTTP/1.1\r\n${host}\r\n`);
    expect(reply.json).toEqual(shape);
    expect(reply.status).toBe(405);
    expect(reply.headers.allow).toBe("DELETE, GET, HEAD, POST");
  });

  it("preflights are answered where origins are allowed, on every path", async () => {
    await using open = await createTestApp({ corsOrigins: ["*"] });
    const preflight = { origin: "http://elsewhere", "access-control-request-method": "POST" };
    const reply = await open.app.inject({ method: "OPTIONS", url: "/v1/completions/", headers: preflight });
    expect(reply.statusCode).toBe(204);
    expect((await open.app.inject({ method: "PATCH", url: "/v1/models" })).headers.allow).toBe("GET, HEAD");
    expect((await open.app.inject({ method: "PUT", url: "/nowhere" })).statusCode).toBe(404);
    const bare = await open.app.inject({ method: "OPTIONS", url: "/v1/models" });
    expect({ status: bare.statusCode, allow: bare.headers.allow }).toEqual({
      status: 405,
      allow: "GET, HEAD",
    });
  });

  it("HEAD is GET without a body", async () => {
    for (const path of ["/v1/models", "/health", "/metrics", "/openapi.yaml", "/version", "/docs/"]) {
      const get = await server.app.inject({ url: path });
      const head = await server.app.inject({ method: "HEAD", url: path });
      expect(head.statusCode, path).toBe(200);
      expect(head.headers["content-type"], path).toBe(get.headers["content-type"]);
      expect(head.body, path).toBe("");
    }
    expect((await server.app.inject({ method: "HEAD", url: "/nowhere" })).statusCode).toBe(404);
  });
});

describe("paths", () => {
  it.each([
    ["GET", "/v1/models/"],
    ["GET", "/v1//models"],
    ["GET", "//v1/models/?after=x"],
    ["GET", "/v1/models/abacus:power/"],
    ["GET", "/health/"],
    ["GET", "/version/"],
    ["GET", "/metrics/"],
    ["GET", "/openapi.yaml/"],
    ["GET", "/tokenizer_info/"],
    ["GET", "/docs"],
    ["GET", "/docs/"],
    ["POST", "/v1/completions/"],
    ["POST", "/v1//completions"],
    ["POST", "/v1/chat/completions/?api-version=1"],
    ["POST", "/tokenize/"],
    ["POST", "/detokenize//"],
  ] as const)("%s %s is the same route", async (method, url) => {
    const payload = url.includes("chat")
      ? { messages: [{ role: "user", content: "1+1=" }], max_tokens: 4 }
      : url.includes("detokenize")
        ? { tokens: [5] }
        : { prompt: "1+1=", ...(url.includes("completions") ? { max_tokens: 4 } : {}) };
    const reply = await server.app.inject({ method, url, ...(method === "POST" ? { payload } : {}) });
    expect(reply.statusCode, reply.body).toBe(200);
  });
});
