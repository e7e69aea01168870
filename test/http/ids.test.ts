import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { IncomingHttpHeaders } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { requestIdOf } from "../../src/server/ids.ts";
import { watchPath } from "../../src/server/watch/protocol.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";
import { Watcher } from "../support/watcher.ts";

type TestApp = Awaited<ReturnType<typeof createTestApp>>;

let server: TestApp;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const bodies = {
  "/v1/completions": { prompt: "1+1=", max_tokens: 4 },
  "/v1/chat/completions": { messages: [{ role: "user", content: "1+1=" }], max_tokens: 4 },
} as const;
type Path = keyof typeof bodies;
const prefixes = { "/v1/completions": "cmpl", "/v1/chat/completions": "chatcmpl" } as const;
const paths = Object.keys(bodies) as Path[];

function ask(path: Path, headers: IncomingHttpHeaders = {}, changes: object = {}, { app }: TestApp = server) {
  return app.inject({ method: "POST", url: path, headers, payload: { ...bodies[path], ...changes } });
}

const randomPart = "[0-9a-f]{32}";

describe.each(paths)("the id of an answer of %s", (path) => {
  const form = new RegExp(`^${prefixes[path]}-${randomPart}$`);

  it("is its own, whatever x-request-id the client sends with how many requests", async () => {
    const headers = { "x-request-id": "job-7" };
    const replies = await Promise.all([ask(path, headers), ask(path, headers), ask(path)]);
    const ids = replies.map((reply) => reply.json<{ id: string }>().id);
    for (const id of ids) expect(id).toMatch(form);
    expect(new Set(ids).size).toBe(3);
    expect(replies.slice(0, 2).map((reply) => reply.headers["x-request-id"])).toEqual(["job-7", "job-7"]);
  });

  it("does not come again from another server", async () => {
    await using one = await createTestApp();
    await using other = await createTestApp({ completer: one.completer });
    const [here, there] = await Promise.all([ask(path, {}, {}, one), ask(path, {}, {}, other)]);
    expect(here.json<{ id: string }>().id).not.toBe(there.json<{ id: string }>().id);
    expect(here.headers["x-request-id"]).not.toBe(there.headers["x-request-id"]);
  });

  it("is the same in all chunks of a stream, with usage, several choices and progress, and in no other", async () => {
    const changes = {
      stream: true,
      n: 2,
      sampler: "power",
      stream_options: { include_usage: true, include_progress: true },
    };
    const headers = { "x-request-id": "job-7" };
    const streams = await Promise.all([ask(path, headers, changes), ask(path, headers, changes)]);
    const ids = streams.map(({ body }) => {
      const chunks = parseEvents(body) as { id: string }[];
      expect(chunks.length).toBeGreaterThan(3);
      const own = new Set(chunks.map(({ id }) => id));
      expect(own.size).toBe(1);
      return [...own][0]!;
    });
    for (const id of ids) expect(id).toMatch(form);
    expect(ids[0]).not.toBe(ids[1]);
  });
});

describe("the id of an answer over a WebSocket", () => {
  it("is neither the message's nor the handshake's, and another on every message and socket", async () => {
    await server.app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = server.app.server.address() as AddressInfo;
    const ids: string[] = [];
    for (const message of ["a", "a", "b"]) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${watchPath}`, {
        headers: { "x-request-id": "job-7" },
      });
      const watcher = new Watcher(socket);
      await once(socket, "open");
      watcher.send({ id: message, ...bodies["/v1/completions"] });
      const end = await watcher.end(message);
      if (end.type !== "done") throw new Error(end.error.message);
      ids.push(end.response.id);
      expect(watcher.events.every(({ id }) => id === message)).toBe(true);
      socket.terminate();
    }
    for (const id of ids) expect(id).toMatch(new RegExp(`^cmpl-${randomPart}$`));
    expect(new Set(ids).size).toBe(3);
  });
});

describe("x-request-id", () => {
  const given = (id: string | string[]) => requestIdOf({ headers: { "x-request-id": id } });

  it.each([
    "job-7",
    "req_011CQWn9",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "Root=1-67891233-abcdef012345678912345678",
    "|a0b1.c2_1.",
    "c2lnbmVk+/==",
    "user@host:8000/3",
    "x".repeat(128),
  ])("comes back as it was sent: %s", async (id) => {
    expect((await ask("/v1/completions", { "x-request-id": id })).headers["x-request-id"]).toBe(id);
    const refused = await server.app.inject({ url: "/nowhere", headers: { "x-request-id": id } });
    expect(refused.headers["x-request-id"]).toBe(id);
  });

  it.each([
    { name: "nothing", id: "" },
    { name: "markup", id: "<script>alert(1)</script>" },
    { name: "an attribute", id: '"onload=x' },
    { name: "an entity", id: "&lt;" },
    { name: "newlines", id: "a\r\nset-cookie: b=c" },
    { name: "a lone newline at the end", id: "a\n" },
    { name: "a terminal's escapes", id: "\u001b[2J" },
    { name: "tabs", id: "a\tb" },
    { name: "beyond ASCII", id: "naïve" },
    { name: "ten kilobytes", id: "x".repeat(10_000) },
    { name: "one more than fits", id: "x".repeat(129) },
    { name: "two headers in one", id: "a, b" },
    { name: "two headers", id: ["a", "b"] },
  ])("is the server's own where it holds $name", ({ id }) => {
    expect(given(id)).toMatch(new RegExp(`^${randomPart}$`));
  });

  it("is the server's own in answers too, refusals among them", async () => {
    const headers = { "x-request-id": "<b>" };
    const replies = await Promise.all([
      ask("/v1/completions", headers),
      ask("/v1/completions", headers, { n: 0 }),
      server.app.inject({ url: "/nowhere", headers }),
    ]);
    expect(replies.map(({ statusCode }) => statusCode)).toEqual([200, 400, 404]);
    const ids = replies.map((reply) => String(reply.headers["x-request-id"]));
    for (const id of ids) expect(id).toMatch(new RegExp(`^${randomPart}$`));
    expect(new Set(ids).size).toBe(3);
  });
});
