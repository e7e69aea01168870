import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostname } from "node:os";
import { WebSocket } from "ws";
import type { AddressInfo } from "node:net";
import type { AppOptions } from "../../src/server/app.ts";
import { parseAllowedHost } from "../../src/server/hosts.ts";
import { trustedProxies } from "../../src/server/trusted-proxies.ts";
import { watchPath } from "../../src/server/watch/protocol.ts";
import { Connection } from "../support/connection.ts";
import { createTestApp } from "../support/embedded.ts";
import { createToyCompleter } from "../support/toy-completer.ts";

/** Names under which a server is asked: a page of one that was rebound to its address would be its own page. */

type App = Awaited<ReturnType<typeof createTestApp>>;

let completer: Awaited<ReturnType<typeof createToyCompleter>>;
let plain: App;
beforeAll(async () => {
  completer = await createToyCompleter();
  plain = await createTestApp({ completer });
});
afterAll(() => plain[Symbol.asyncDispose]());

const serve = async (options: Partial<AppOptions>) => {
  const { app } = await createTestApp({ completer, ...options });
  return { app, [Symbol.asyncDispose]: () => app.close() };
};

async function statusAt({ app }: Pick<App, "app">, headers: readonly string[], target = "/version") {
  using connection = await Connection.open(app);
  await connection.send([`GET ${target} HTTP/1.1`, ...headers, "", ""].join("\r\n"));
  return (await connection.response()).status;
}

describe("a name that is not the server's", () => {
  it.each([
    "evil.example",
    "evil.example:8000",
    "EVIL.example.",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1.nip.example",
    "localhost.example",
    "notlocalhost",
    "localhosts",
    "xn--lcalhost-54a",
    "metropolis",
    "printer.local",
    hostname().includes(".") ? "here" : `${hostname()}.example`,
  ])("is refused: %s", async (host) => {
    expect(await statusAt(plain, [`Host: ${host}`])).toBe(421);
  });

  it.each(["/health", "/metrics", "/docs", "/docs/json", "/openapi.yaml", "/v1/models", "/nowhere", "/"])(
    "is refused at %s",
    async (url) => {
      const reply = await plain.app.inject({ url, headers: { host: "evil.example" } });
      expect(reply.statusCode).toBe(421);
      expect(reply.json()).toMatchObject({
        error: { type: "invalid_request_error", code: "invalid_request" },
      });
      expect(reply.body).toContain("--allowed-host evil.example");
    },
  );

  it("is refused to every method, and to a preflight for pages of other sites", async () => {
    await using server = await serve({ corsOrigins: ["*"] });
    const headers = {
      host: "evil.example",
      origin: "http://evil.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
    };
    for (const { app } of [plain, server]) {
      const preflight = await app.inject({ method: "OPTIONS", url: "/v1/completions", headers });
      expect(preflight.statusCode).toBe(421);
      expect(preflight.headers["access-control-allow-origin"]).toBeUndefined();
      const payload = { prompt: "1+1=" };
      const post = await app.inject({ method: "POST", url: "/v1/completions", headers, payload });
      expect(post.statusCode).toBe(421);
    }
  });

  it("gets no WebSocket, although its page comes from that very name", async () => {
    const { app } = plain;
    if (!app.server.listening) await app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = app.server.address() as AddressInfo;
    const handshake = async (host: string) => {
      const headers = { host, origin: `http://${host}` };
      const socket = new WebSocket(`ws://127.0.0.1:${port}${watchPath}`, { headers });
      const status = await new Promise((resolve, reject) => {
        socket.once("open", () => {
          resolve(101);
        });
        socket.once("unexpected-response", (_request, { statusCode }) => {
          resolve(statusCode);
        });
        socket.once("error", reject);
      });
      socket.on("error", () => undefined);
      socket.terminate();
      return status;
    };
    expect(await handshake(`evil.example:${port}`)).toBe(421);
    expect(await handshake(`evil.example.`)).toBe(421);
    expect(await handshake(`localhost:${port}`)).toBe(101);
  });

  it("is refused where the target of the request names it, whatever Host says", async () => {
    expect(await statusAt(plain, ["Host: localhost"], "http://evil.example/version")).toBe(421);
    expect(await statusAt(plain, ["Host: localhost"], "HTTP://EVIL.example:80/version")).toBe(421);
    expect(await statusAt(plain, ["Host: evil.example"], "http://localhost/version")).toBe(421);
    expect(await statusAt(plain, ["Host: localhost"], "http://localhost@evil.example/version")).toBe(400);
    expect(await statusAt(plain, ["Host: localhost"], "http://localhost:8000/version")).toBe(200);
  });

  it("is refused when it comes second or looks like no name", async () => {
    expect(await statusAt(plain, ["Host: localhost", "Host: evil.example"])).toBe(400);
    for (const host of ["localhost@evil.example", "evil.example/localhost", "local host", "[::1", "a,b"])
      expect([400, 421], host).toContain(await statusAt(plain, [`Host: ${host}`]));
  });
});

describe("the server's own names", () => {
  it.each([
    "localhost",
    "LOCALHOST:8000",
    "localhost.",
    "localhost.:8000",
    "app.localhost:3000",
    "127.0.0.1",
    "127.0.0.1:65535",
    "127.255.0.9",
    "127.1",
    "0.0.0.0:8000",
    "[::1]",
    "[::1]:8000",
    "[0:0:0:0:0:0:0:1]:8000",
    "[::ffff:127.0.0.1]",
    "[fe80::1%eth0]:8000",
    "192.168.1.5:8000",
    "203.0.113.7",
    "",
  ])("are addresses and names of loopback: '%s'", async (host) => {
    expect(await statusAt(plain, [`Host: ${host}`])).toBe(200);
  });

  it("may be left out with HTTP/1.0", async () => {
    using connection = await Connection.open(plain.app);
    await connection.send("GET /version HTTP/1.0\r\n\r\n");
    expect((await connection.response()).status).toBe(200);
  });

  it("are those that the operator gives, and no others", async () => {
    await using server = await serve({
      allowedHosts: ["Metropolis.example.", ".lab.example", "bücher.example"].map(parseAllowedHost),
      publicOrigins: ["https://api.example:8443"],
    });
    const hosts = [
      ["metropolis.example:8000", 200],
      ["METROPOLIS.EXAMPLE", 200],
      ["sub.metropolis.example", 421],
      ["lab.example", 200],
      ["a.b.lab.example.", 200],
      ["notlab.example", 421],
      ["lab.example.evil.example", 421],
      ["xn--bcher-kva.example", 200],
      ["api.example", 200],
      ["example", 421],
    ] as const;
    for (const [host, status] of hosts) expect(await statusAt(server, [`Host: ${host}`]), host).toBe(status);
    await using any = await serve({ allowedHosts: ["*"] });
    expect(await statusAt(any, ["Host: evil.example"])).toBe(200);
  });

  it.each(["0.0.0.0", "::", "192.168.1.5", "gpu1.lab.example"])(
    "are a local network's too, where it listens on %s",
    async (listensOn) => {
      await using server = await serve({ listensOn });
      for (const host of ["metropolis:8000", "metropolis.default.svc.cluster.local", "gpu.local", hostname()])
        expect(await statusAt(server, [`Host: ${host}`]), host).toBe(200);
      for (const host of ["evil.example", "metropolis.evil.example", "local.example", "co.uk"])
        expect(await statusAt(server, [`Host: ${host}`]), host).toBe(421);
      expect(await statusAt(server, ["Host: gpu1.lab.example"])).toBe(
        listensOn.startsWith("gpu1") ? 200 : 421,
      );
    },
  );

  it("are any where a key is asked for, unless some are given", async () => {
    const authorization = "Authorization: Bearer alpha";
    await using keyed = await serve({ apiKeys: ["alpha"] });
    expect(await statusAt(keyed, ["Host: metropolis.example", authorization])).toBe(200);
    expect(await statusAt(keyed, ["Host: metropolis.example"])).toBe(401);
    await using strict = await serve({ apiKeys: ["alpha"], allowedHosts: ["metropolis.example"] });
    expect(await statusAt(strict, ["Host: metropolis.example", authorization])).toBe(200);
    expect(await statusAt(strict, ["Host: evil.example", authorization])).toBe(421);
  });

  it.each(["", ".", "*.example.com", "example.com:8000", "https://example.com", "a b", "user@example.com"])(
    "cannot be written '%s'",
    (text) => {
      expect(() => parseAllowedHost(text)).toThrow("is no name of a host");
    },
  );
});

describe("a host that is forwarded", () => {
  const statusOf = async (headers: readonly string[], options: Partial<AppOptions> = {}) => {
    await using server = await serve({ trustProxy: trustedProxies(["loopback"]), ...options });
    return await statusAt(server, headers);
  };

  it("by a trusted proxy is judged as Host is, every one, in either header", async () => {
    const own = { allowedHosts: ["api.example"] };
    expect(await statusOf(["Host: localhost", "X-Forwarded-Host: api.example"], own)).toBe(200);
    expect(await statusOf(["Host: localhost", "X-Forwarded-Host: evil.example"], own)).toBe(421);
    expect(await statusOf(["Host: localhost", "X-Forwarded-Host: api.example, evil.example"], own)).toBe(421);
    expect(await statusOf(["Host: localhost", "X-Forwarded-Host: evil.example, api.example"], own)).toBe(421);
    expect(await statusOf(["Host: localhost", "Forwarded: for=192.0.2.1;host=evil.example"], own)).toBe(421);
    const byPort = ["Host: localhost", "X-Forwarded-Host: api.example", "X-Forwarded-Port: 8443"];
    expect(await statusOf(byPort, own)).toBe(200);
  });

  it("is the proxy's own where it came over TLS all the way", async () => {
    const forwarded = ["Host: localhost", "X-Forwarded-Host: api.example"];
    expect(await statusOf([...forwarded, "X-Forwarded-Proto: https"])).toBe(200);
    expect(await statusOf([...forwarded, "X-Forwarded-Proto: wss"])).toBe(200);
    expect(await statusOf([...forwarded, "X-Forwarded-Proto: https, http"])).toBe(421);
    expect(await statusOf(forwarded)).toBe(421);
  });

  it("does not count for Host, which a page cannot set, and from any other peer counts for nothing", async () => {
    const claims = ["X-Forwarded-Host: localhost", "X-Forwarded-Proto: https"];
    expect(await statusOf(["Host: evil.example", ...claims])).toBe(421);
    expect(await statusAt(plain, ["Host: evil.example", ...claims])).toBe(421);
    expect(await statusAt(plain, ["Host: localhost", "X-Forwarded-Host: evil.example"])).toBe(200);
  });
});

describe("what a page of another site can send without asking", () => {
  it.each([
    ["text/plain"],
    ["text/plain; application/json"],
    ["text/plain;charset=utf-8;x=application/json"],
    ["application/x-www-form-urlencoded"],
    ["multipart/form-data; boundary=a"],
    ["text/json"],
    ["application/jsonp"],
    [undefined],
  ])("is no completion: a body of type %s", async (type) => {
    const reply = await plain.app.inject({
      method: "POST",
      url: "/v1/completions",
      headers: { origin: "https://evil.example", ...(type === undefined ? {} : { "content-type": type }) },
      payload: Buffer.from('{"prompt": "1+1="}'),
    });
    expect(reply.statusCode).toBe(415);
    expect(reply.body).toContain("content-type: application/json");
  });
});
