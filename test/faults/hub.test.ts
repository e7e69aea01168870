import { once } from "node:events";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { HubCache } from "../../src/hub/hub-cache.ts";
import { HubClient } from "../../src/hub/hub-client.ts";
import { pullModel } from "../../src/hub/pull.ts";

const lists =
  (list: RequestListener): RequestListener =>
  (request, response) => {
    if (request.url!.includes("/revision/")) response.end(JSON.stringify({ sha: "0".repeat(40) }));
    else list(request, response);
  };

const forEver: RequestListener = (_request, response) => {
  const more = (): void => {
    while (response.write(" ".repeat(2 ** 20)));
  };
  response.on("drain", more);
  more();
};

it.each<[string, RequestListener, string]>([
  ["names a commit that does not end", forEver, "The hub's answer does not end."],
  ["sends a page of files that does not end", lists(forEver), "The hub's answer does not end."],
  [
    "has one page after the other",
    lists((request, response) => {
      response.setHeader("link", `<${request.url!}>; rel="next"`).end("[]");
    }),
    "The hub lists files of org/model without end.",
  ],
  [
    "has file after file",
    lists((request, response) => {
      const files = Array.from({ length: 20_000 }, (_, index) => ({
        ...{ type: "file", path: `a/${index}`, size: 1, oid: "0".repeat(40) },
      }));
      response.setHeader("link", `<${request.url!}>; rel="next"`).end(JSON.stringify(files));
    }),
    "The hub lists files of org/model without end.",
  ],
])("a hub whose list has no end is given up: it %s", async (_name, listener, message) => {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new HubClient({ endpoint, token: undefined });
  const listed = client.commitOf("org/model", "main").then((commit) => client.files("org/model", commit));
  await expect(listed).rejects.toThrow(`${message} Is HF_ENDPOINT a hub?`);
  server.closeAllConnections();
  server.close();
});

/** A hub that is silent or slow is given up, by name, in a time that has a limit. */
it.each<[string, RequestListener]>([
  ["never answers", () => undefined],
  [
    "answers and sends no body",
    (_request, response) => {
      response.writeHead(200).flushHeaders();
    },
  ],
  [
    "sends a byte now and then",
    (_request, response) => {
      const timer = setInterval(() => response.write(" "), 20);
      response.once("close", () => {
        clearInterval(timer);
      });
    },
  ],
  [
    "tells the commit and not the files",
    (request, response) => {
      if (request.url!.includes("/revision/")) response.end(JSON.stringify({ sha: "0".repeat(40) }));
    },
  ],
])("a hub that %s", async (_name, listener) => {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const root = await mkdtemp(join(tmpdir(), "metropolis-hub-"));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new HubClient({ endpoint, token: undefined, answerMs: 200 });
  const pulled = pullModel(
    "org/model",
    { client, cache: new HubCache({ HF_HOME: root }) },
    {
      graph: { dtype: undefined, dataFilesOf: () => [] },
      revision: "main",
      onProgress: () => undefined,
    },
  );
  await expect(pulled).rejects.toThrow(
    `The hub cannot be asked for org/model: ${endpoint} did not answer within 0.2 s; HF_ENDPOINT names another`,
  );
  server.closeAllConnections();
  server.close();
  await rm(root, { recursive: true });
});
