import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { MetropolisClient } from "../../src/client/client.ts";
import type { AppOptions } from "../../src/server/app.ts";
import { watchPath } from "../../src/server/watch/protocol.ts";
import { trustedProxies } from "../../src/server/trusted-proxies.ts";
import { createEmbedded, createTestApp, parseEvents } from "../support/embedded.ts";
import { PrefixProxy } from "../support/prefix-proxy.ts";

let completer: Awaited<ReturnType<typeof createEmbedded>>;
beforeAll(async () => {
  completer = await createEmbedded();
});
afterAll(() => completer[Symbol.asyncDispose]());

const prefix = "/met";
const own = "https://metropolis.example";
const loopback = trustedProxies(["loopback"]);
/** Its names; test/http/hosts.test.ts has those that it does not know. */
const named = { allowedHosts: ["metropolis.example", "inner.example", "inner"] };

async function listen(options: Partial<AppOptions> = {}) {
  const { app } = await createTestApp({ completer, ...options });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return { url, [Symbol.asyncDispose]: () => app.close() };
}

describe("behind a proxy that takes a prefix off", () => {
  let server: Awaited<ReturnType<typeof listen>>;
  let proxy: PrefixProxy;
  beforeAll(async () => {
    server = await listen();
    proxy = await PrefixProxy.start({ target: server.url, prefix });
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    expect(proxy.strays).toEqual([]);
  });

  it.each([
    "/docs",
    "/docs/",
    "/docs?tag=tokens",
    "/docs/?tag=tokens",
    "/docs/static/index.html",
    "/docs/static/index.html?a=/",
  ])("%s is a page whose files and specification stand under the prefix", async (path) => {
    const page = await fetch(proxy.url + path);
    expect(page.status).toBe(200);
    // Behind a query the page does not find its specification, and behind /docs alone its files are in docs/.
    expect([`${proxy.url}/docs`, `${proxy.url}/docs/`]).toContain(page.url);
    const files = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file!);
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      const reply = await fetch(new URL(file, page.url));
      expect(reply.status, file).toBe(200);
    }
  });

  it.each(["/docs/json", "/docs/yaml", "/openapi.yaml"])(
    "the server that %s names is the proxy",
    async (path) => {
      const specification = await (await fetch(proxy.url + path)).text();
      const url = /servers"?:\s*(?:- |\[\{")url"?:\s*"?([^"\s]+)/.exec(specification)![1]!;
      expect(new URL(url, proxy.url + path).href).toBe(`${proxy.url}/`);
    },
  );

  it("no answer sends a client out of the prefix", async () => {
    for (const path of [
      "/docs",
      "/docs/",
      "/docs/static/index.html",
      "/docs/static",
      "/health/",
      "/v1/models/",
    ]) {
      const { headers } = await fetch(proxy.url + path, { redirect: "manual" });
      expect(new URL(headers.get("location") ?? "", proxy.url + path).href, path).toContain(`${proxy.url}/`);
    }
  });

  it("the client completes, lists and watches at an address with a path", async () => {
    const client = new MetropolisClient({ baseUrl: `${proxy.url}/v1/` });
    expect((await client.models()).length).toBeGreaterThan(1);
    const body = { prompt: "7-2*3+4=", sampler: "power", seed: 1 } as const;
    const whole = await client.complete(body);
    let last: object = {};
    for await (const event of client.watch(body)) last = event;
    expect(last).toMatchObject({
      type: "done",
      response: { choices: [{ text: whole.choices[0]!.text }] },
    });
  });

  it("streams arrive", async () => {
    const reply = await fetch(`${proxy.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "1+1=", stream: true }),
    });
    expect(reply.headers.get("x-accel-buffering")).toBe("no");
    expect(parseEvents(await reply.text()).length).toBeGreaterThan(1);
  });
});

/** Of a handshake: 101, or the refusal's status and message. */
async function handshake(url: string, headers: Record<string, string | string[]>) {
  const socket = new WebSocket(url.replace("http", "ws") + watchPath, { headers });
  const status = await new Promise<{ status: number; message?: string }>((resolve, reject) => {
    socket.once("open", () => {
      resolve({ status: 101 });
    });
    socket.once("unexpected-response", (_request, reply) => {
      let body = "";
      reply.on("data", (chunk: Buffer) => (body += chunk.toString()));
      reply.on("end", () => {
        const { error } = JSON.parse(body) as { error: { message: string } };
        resolve({ status: reply.statusCode!, message: error.message });
      });
    });
    socket.on("error", reject);
  });
  socket.terminate();
  return status;
}

describe("the origin of a WebSocket", () => {
  it("that is a public one is let in through a proxy that says nothing of it, and no other", async () => {
    await using server = await listen({ publicOrigins: [own, "http://[2001:db8::1]:8443"] });
    await using proxy = await PrefixProxy.start({ target: server.url, prefix });
    for (const origin of [own, "http://[2001:db8::1]:8443"])
      expect(await handshake(proxy.url, { origin }), origin).toEqual({ status: 101 });
    for (const origin of [
      "https://evil.example",
      "http://metropolis.example",
      "https://metropolis.example:8443",
      "https://metropolis.example.evil.example",
      "https://evil.metropolis.example",
      "null",
      "metropolis.example",
    ])
      expect((await handshake(proxy.url, { origin })).status, origin).toBe(403);
  });

  it("that is refused is told which options let it in", async () => {
    await using server = await listen();
    await using proxy = await PrefixProxy.start({ target: server.url, prefix });
    const { message } = await handshake(proxy.url, { origin: own });
    expect(message).toContain(`--public-url ${own}`);
    expect(message).toContain(`--cors-origin ${own}`);
    expect((await handshake(proxy.url, { origin: "null" })).message).not.toContain("--cors-origin");
  });

  it.each([
    { host: "metropolis.example", origin: own },
    { host: "metropolis.example:443", origin: own },
    { host: "METROPOLIS.example", origin: own },
    { host: "metropolis.example:80", origin: "http://metropolis.example" },
    { host: "metropolis.example:8443", origin: `${own}:8443` },
    { host: "[2001:DB8::1]:8000", origin: "http://[2001:db8::1]:8000" },
  ])("$origin is that of a request to $host", async ({ host, origin }) => {
    await using server = await listen(named);
    expect(await handshake(server.url, { host, origin })).toEqual({ status: 101 });
  });

  it.each([
    { host: "metropolis.example:8443", origin: own },
    { host: "metropolis.example:443", origin: "http://metropolis.example" },
    { host: "metropolis.example:80", origin: own },
    { host: "metropolis.example", origin: "file://" },
    { host: "metropolis.example", origin: "chrome-extension://metropolis.example" },
  ])("$origin is not that of a request to $host", async ({ host, origin }) => {
    await using server = await listen(named);
    expect((await handshake(server.url, { host, origin })).status).toBe(403);
  });

  const forwards: Record<string, string>[] = [
    { "x-forwarded-host": "metropolis.example", "x-forwarded-proto": "https" },
    { "x-forwarded-host": "metropolis.example" },
    { "x-forwarded-host": "metropolis.example:443", "x-forwarded-proto": "wss" },
    { "x-forwarded-host": "Metropolis.Example", "x-forwarded-proto": "HTTPS" },
    { "x-forwarded-host": "metropolis.example, inner.example", "x-forwarded-proto": "https,http" },
    { "x-forwarded-host": "inner.example, metropolis.example" },
    { "x-forwarded-host": "metropolis.example", "x-forwarded-port": "443" },
    { forwarded: 'for=192.0.2.1;host=metropolis.example;proto=https, For="[2001:db8::1]";Host="inner:80"' },
    { forwarded: 'Proto=https; Host="metropolis.example:443"' },
  ];
  it.each(forwards)(
    "that a trusted proxy forwards as %s is let in, and another's word is not taken",
    async (headers) => {
      await using trusting = await listen({ ...named, trustProxy: loopback });
      await using wary = await listen({ ...named, trustProxy: trustedProxies(["10.0.0.0/8"]) });
      await using through = await PrefixProxy.start({ target: trusting.url, prefix, headers });
      await using around = await PrefixProxy.start({ target: wary.url, prefix, headers });
      expect(await handshake(through.url, { origin: own })).toEqual({ status: 101 });
      expect((await handshake(through.url, { origin: "https://evil.example" })).status).toBe(403);
      expect((await handshake(around.url, { origin: own })).status).toBe(403);
    },
  );

  it("is refused where the forwarded protocol is another, and on a forwarded port of its own let in", async () => {
    await using server = await listen({ ...named, trustProxy: loopback });
    const plain = { "x-forwarded-host": "metropolis.example", "x-forwarded-proto": "http" };
    expect((await handshake(server.url, { ...plain, origin: own })).status).toBe(403);
    const port = { "x-forwarded-host": "metropolis.example", "x-forwarded-port": "8443" };
    expect((await handshake(server.url, { ...port, origin: `${own}:8443` })).status).toBe(101);
  });
});

describe("a client's address", () => {
  const limited = { requestsPerMinute: 1 };
  const ask = async ({ url }: { url: string }, forwardedFor: string): Promise<number> =>
    (await fetch(`${url}/v1/models`, { headers: { "x-forwarded-for": forwardedFor } })).status;

  it("is what a trusted proxy says: each has a rate of its own", async () => {
    await using server = await listen({ ...limited, trustProxy: loopback });
    expect(await ask(server, "192.0.2.1")).toBe(200);
    expect(await ask(server, "192.0.2.2")).toBe(200);
    expect(await ask(server, "192.0.2.1")).toBe(429);
    // What a client itself claims stands before what the proxy adds.
    expect(await ask(server, "192.0.2.9, 192.0.2.2")).toBe(429);
  });

  it.each([
    ["192.0.2.1:50123", "192.0.2.1:50124"],
    ["192.0.2.1:50123", "192.0.2.1"],
    ["[2001:db8::1]:50123", "[2001:db8::1]:50124"],
    ["[2001:db8::1]:50123", "2001:db8::1"],
    ["192.0.2.1:50123, 127.0.0.9:443", "192.0.2.1:50124, 127.0.0.9:444"],
  ])("is the same from any port: %s and %s", async (first, second) => {
    await using server = await listen({ ...limited, trustProxy: loopback });
    expect(await ask(server, first)).toBe(200);
    expect(await ask(server, second)).toBe(429);
    expect(await ask(server, "[2001:db8::2]:50123")).toBe(200);
  });

  it("is the peer's where that is no trusted proxy, whatever it says", async () => {
    await using server = await listen(limited);
    expect(await ask(server, "192.0.2.1")).toBe(200);
    expect(await ask(server, "192.0.2.2")).toBe(429);
  });
});
