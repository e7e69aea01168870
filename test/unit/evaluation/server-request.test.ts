import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { RequestListener } from "node:http";
import { describe, expect, it } from "vitest";
import { CompletionSource } from "../../../src/evaluation/completion-source.ts";
import { askServer, listServedModels, parseAddress } from "../../../src/evaluation/server-request.ts";

async function serve(listener: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const apiKey = undefined;

describe("a server that is asked", () => {
  it("may be named with or without /v1, and by nothing else than an address", () => {
    for (const url of ["http://a:1", "http://a:1/", "http://a:1/v1", "http://a:1/v1/"]) {
      expect(parseAddress(url)).toBe("http://a:1");
    }
    for (const url of ["nonsense", "localhost:8000", "ftp://a"]) {
      expect(() => parseAddress(url)).toThrow(/--url: '.*' is no address/);
    }
  });

  it("is asked again when it is overloaded or gone", async () => {
    let asked = 0;
    await using server = await serve((request, response) => {
      asked++;
      if (asked === 1) response.writeHead(429, { "retry-after": "0" }).end();
      else if (asked === 2) request.destroy();
      else response.end('{"a":1}');
    });
    await expect(askServer({ url: server.url, apiKey }, "/", { body: {}, retries: 2 })).resolves.toEqual({
      a: 1,
    });
    expect(asked).toBe(3);
  });

  it("is not asked again for what will not change, and said what it said", async () => {
    let asked = 0;
    await using server = await serve((_, response) => {
      asked++;
      response.writeHead(503, { "x-should-retry": "false" }).end('{"error":{"message":"too late"}}');
    });
    await expect(askServer({ url: server.url, apiKey }, "/", { retries: 9 })).rejects.toThrow(/too late/);
    expect(asked).toBe(1);
    await expect(askServer({ url: "http://127.0.0.1:1", apiKey }, "/")).rejects.toThrow(/does not answer/);
  });

  it("that gives something else is found out", async () => {
    await using server = await serve((request, response) => {
      request.resume();
      response.end(
        request.url === "/v1/models"
          ? "<html>"
          : '{"choices":[{"text":"one"}],"usage":{"completion_tokens":1}}',
      );
    });
    await expect(listServedModels({ url: server.url, apiKey })).rejects.toThrow(/no JSON/);
    const source = new CompletionSource({ url: server.url, apiKey, model: undefined, isPlain: true });
    const question = { prompt: "?", messages: undefined, stop: [] };
    const never = new AbortController().signal;
    await expect(source.sample(question, { n: 4 }, never)).rejects.toThrow(/1 of 4 answers.*--n 1/);
  });
});
