import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { AddressInfo } from "node:net";
import { keyProtocolPrefix, watchPath, watchProtocol } from "../../src/server/watch/protocol.ts";
import { Connection } from "../support/connection.ts";
import { createTestApp } from "../support/embedded.ts";
import { createToyCompleter } from "../support/toy-completer.ts";

/** Keys, and where clients put them: none may be read in the log, at any level. */

const secret = "sk-4f7c2a91e6";

const keyProtocol = (key: string): string => keyProtocolPrefix + Buffer.from(key).toString("base64url");

let log = "";
let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  const logger = pino({ level: "trace" }, { write: (line) => (log += line) });
  server = await createTestApp({ completer: await createToyCompleter(), logger, apiKeys: [secret, "beta"] });
  await server.app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(() => server[Symbol.asyncDispose]());

/** What was logged while it ran, which must be something. */
async function logged(act: () => Promise<unknown>): Promise<string> {
  log = "";
  await act();
  await expect.poll(() => log).not.toBe("");
  return log;
}

const ask = async (target: string, headers: readonly string[] = [], method = "GET") => {
  using connection = await Connection.open(server.app);
  await connection.send(
    `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`,
  );
  return await connection.response();
};

describe("a key", () => {
  it.each([
    `/v1/models?api_key=${secret}`,
    `/v1/models/?key=${secret}&a=b`,
    `/v1/models?token=${secret}#${secret}`,
    `/v1//models?${secret}`,
    `/v1/models%3Fapi_key=${secret}`,
    `/v1/models;key=${secret}`,
    `/nowhere?access_token=${secret}`,
    `/%zz?key=${secret}`,
    `/docs?key=${secret}`,
    `/health?key=${secret}`,
    `http://user:${secret}@localhost/v1/models`,
    `http://${secret}@localhost/nowhere?key=${secret}`,
    `${watchPath}?api_key=${secret}`,
  ])("in the target %s is neither logged nor told", async (target) => {
    const answers: string[] = [];
    const lines = await logged(async () => {
      answers.push((await ask(target)).body);
      answers.push((await ask(target, ["Content-Length: 0"], "DELETE")).body);
      answers.push((await ask(target, [`Authorization: Bearer ${secret}`])).body);
    });
    expect(lines).toContain("incoming request");
    expect(lines).not.toContain(secret);
    expect(answers.join("")).not.toContain(secret);
  });

  it.each([
    [`Authorization: Bearer ${secret}`],
    [`Authorization: Bearer wrong-${secret}`],
    [`Authorization: Basic ${secret}`],
    [`X-Api-Key: ${secret}`],
    [`Cookie: key=${secret}`],
    [`Referer: http://localhost/?key=${secret}`],
    [`Proxy-Authorization: Bearer ${secret}`],
  ])("in the header %s is not logged", async (header) => {
    const lines = await logged(async () => {
      await ask("/v1/models", [header]);
      await ask("/nowhere", [header]);
      await ask("/v1/models", [header, "Bad Header: a"]);
      await ask("/v1/completions", [header, "Content-Type: application/json", "Content-Length: 1"], "POST x");
    });
    expect(lines).not.toContain(secret);
  });

  it("of a WebSocket, as a subprotocol or in its target, is not logged", async () => {
    const { port } = server.app.server.address() as AddressInfo;
    const open = (protocols: string[], query = "") =>
      new Promise((resolve) => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}${watchPath}${query}`, protocols);
        socket.on("open", () => {
          socket.send("{}");
          socket.send(`no JSON ${secret}`);
          socket.once("message", () => {
            socket.close();
          });
        });
        socket.on("close", resolve);
        socket.on("error", () => undefined);
      });
    const lines = await logged(async () => {
      await open([watchProtocol, keyProtocol(secret)], `?api_key=${secret}`);
      await open([watchProtocol, keyProtocol(`wrong-${secret}`)], `?token=${secret}`);
      await open([watchProtocol]);
    });
    expect(lines).toContain("incoming request");
    for (const form of [secret, keyProtocol(secret), Buffer.from(secret).toString("base64url")])
      expect(lines).not.toContain(form);
  });

  it("leaves the rest of the line as it was", async () => {
    const lines = await logged(() => ask(`/v1/models?api_key=${secret}`));
    const { req } = JSON.parse(lines.split("\n")[0]!) as { req: object };
    expect(req).toMatchObject({
      method: "GET",
      url: "/v1/models",
      host: "localhost",
      remoteAddress: "127.0.0.1",
    });
  });
});
