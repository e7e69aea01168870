import { once } from "node:events";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from "undici";
import { describe, expect, it } from "vitest";
import { ClientError, MetropolisClient } from "../../../src/client/metropolis-client.ts";

/** What the client says where there is something else than a Metropolis that answers. */

async function serve(listener: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function failureOf(work: Promise<unknown>): Promise<ClientError> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ClientError);
  return error as ClientError;
}

const drain = async (events: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of events);
};

const ways = [
  ["complete", (client: MetropolisClient) => client.complete({ prompt: "1=" })],
  ["stream", (client: MetropolisClient) => drain(client.stream({ prompt: "1=" }))],
  ["watch", (client: MetropolisClient) => drain(client.watch({ prompt: "1=" }))],
] as const;

describe.each(ways)("a client's %s", (_, ask) => {
  it("says when to come again, where the server does", async () => {
    const error = { message: "The server is full.", type: "x", code: "overloaded", param: null };
    await using full = await serve((_request, response) => {
      const headers = { "content-type": "application/json", "retry-after": "7" };
      response.writeHead(429, headers).end(JSON.stringify({ error }));
    });
    expect(await failureOf(ask(new MetropolisClient({ baseUrl: full.url })))).toMatchObject({
      code: "overloaded",
      message: "The server is full.",
      status: 429,
      retryAfterMs: 7000,
    });
  });

  it("tells a proxy's page by its status and type", async () => {
    await using proxy = await serve((_request, response) => {
      response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad Gateway</h1>");
    });
    expect(await failureOf(ask(new MetropolisClient({ baseUrl: proxy.url })))).toMatchObject({
      code: "protocol",
      message: expect.stringMatching(/answered 502 .*\(text\/html\)/) as unknown,
      status: 502,
      retryAfterMs: undefined,
    });
  });
});

describe("the client", () => {
  it("leaves a socket that never opens when it is told to, at once or later", async () => {
    await using silent = await serve(() => undefined);
    const client = new MetropolisClient({ baseUrl: silent.url });
    const aborted = failureOf(drain(client.watch({ prompt: "1=" }, { signal: AbortSignal.abort() })));
    expect(await aborted).toMatchObject({ code: "aborted" });
    const later = failureOf(drain(client.watch({ prompt: "1=" }, { signal: AbortSignal.timeout(50) })));
    expect(await later).toMatchObject({ code: "aborted" });
  });

  it("does not take an answer that fetch gave up on for a server that is down", async () => {
    await using slow = await serve(() => undefined);
    const usual = getGlobalDispatcher();
    const impatient = new Agent({ headersTimeout: 10 });
    setGlobalDispatcher(impatient);
    try {
      const error = await failureOf(new MetropolisClient({ baseUrl: slow.url }).complete({ prompt: "1=" }));
      expect(error).toMatchObject({
        code: "connection_lost",
        message: expect.stringContaining("Stream or watch it instead") as unknown,
      });
    } finally {
      setGlobalDispatcher(usual);
      await impatient.destroy();
    }
  });

  it("asks for a page by what was said of it alone", async () => {
    const asked: (string | undefined)[] = [];
    await using server = await serve(({ url }, response) => {
      asked.push(url);
      response.end(JSON.stringify({ object: "list", data: [] }));
    });
    const client = new MetropolisClient({ baseUrl: `${server.url}/met/v1/` });
    await client.responseInput("a/b", { limit: 2, after: undefined, order: undefined });
    expect(asked).toEqual(["/met/v1/responses/a%2Fb/input_items?limit=2"]);
  });

  it.each(["http://", "http://a b", "127.0.0.1:8000"])("refuses %j as an address", (baseUrl) => {
    expect(() => new MetropolisClient({ baseUrl })).toThrow("as http://127.0.0.1:8000");
  });
});
