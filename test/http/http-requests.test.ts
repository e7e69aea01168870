import { once } from "node:events";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { watchPath } from "../../src/server/watch/protocol.ts";
import { createTestApp } from "../support/embedded.ts";

it("requests are counted by route and status, refused and unknown ones too", async () => {
  await using server = await createTestApp({ apiKeys: ["key"] });
  const authorization = "Bearer key";
  const get = (url: string, headers = { authorization }) => server.app.inject({ url, headers });
  const counted = async (): Promise<Record<string, number>> => {
    const { body } = await get("/metrics");
    const lines = body.matchAll(/^metropolis_http_requests_total\{route="(.*)",status="(.*)"\} (\d+)$/gm);
    return Object.fromEntries(
      [...lines].map(([, route, status, count]) => [`${route} ${status}`, Number(count)]),
    );
  };
  await server.app.inject({ url: "/v1/models" });
  await get("/v1/models");
  await get("/v1/models/");
  for (const url of ["/made/up", "/made/up/too", "/v1/responses/resp_1"]) await get(url);
  await server.app.inject({
    method: "POST",
    url: "/v1/completions",
    headers: { authorization },
    payload: { n: 0 },
  });
  expect(await counted()).toEqual({
    "/v1/models 401": 1,
    "/v1/models 200": 2,
    "none 404": 2,
    "/v1/responses/:id 404": 1,
    "/v1/completions 400": 1,
  });

  await server.app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = server.app.server.address() as AddressInfo;
  const socket = new WebSocket(`ws://127.0.0.1:${port}${watchPath}`, { headers: { authorization } });
  await once(socket, "open");
  socket.close();
  await vi.waitFor(async () => {
    expect(await counted()).toMatchObject({ [`${watchPath} 101`]: 1 });
  });

  const body = JSON.stringify({
    prompt: "7-2*3+4=",
    sampler: "power",
    max_tokens: 240,
    mcmc_steps: 1000,
    ignore_eos: true,
  });
  const client = connect(port, "127.0.0.1");
  client.write(
    `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await vi.waitFor(async () => {
    expect((await get("/metrics")).body).toContain("metropolis_num_requests_running 1");
  });
  client.destroy();
  await vi.waitFor(async () => {
    expect(await counted()).toMatchObject({ "/v1/completions 499": 1 });
  });
});
