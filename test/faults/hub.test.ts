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
    { dtype: undefined, revision: "main", dataFilesOf: () => [], onProgress: () => undefined },
  );
  await expect(pulled).rejects.toThrow(
    `The hub cannot be asked for org/model: ${endpoint} did not answer within 0.2 s; HF_ENDPOINT names another`,
  );
  server.closeAllConnections();
  server.close();
  await rm(root, { recursive: true });
});
