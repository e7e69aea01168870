import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HealthResponse } from "../../src/server/schemas/health.ts";
import { healthResponse } from "../../src/server/schemas/health.ts";
import { createTestApp } from "../support/embedded.ts";
import { servedAbacus } from "../support/fake-servers/abacus.ts";
import { engineOver } from "../support/fake-servers/engine-over.ts";
import { FakeVllm } from "../support/fake-servers/vllm.ts";

/** The application over a server elsewhere that runs the model. */

const key = "sk-9d2e6b40";

let fake: FakeVllm;
let server: Awaited<ReturnType<typeof createTestApp>>;
beforeEach(async () => {
  fake = await new FakeVllm(await servedAbacus(), { cachedTokens: 3, maxLogprobs: 4 }).start();
  fake.key = key;
  server = await createTestApp({ engine: { server: engineOver(fake) } });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await server[Symbol.asyncDispose]();
  await fake[Symbol.asyncDispose]();
});

async function health(): Promise<{ status: number; body: HealthResponse }> {
  const { statusCode, body } = await server.app.inject({ url: "/health" });
  expect(body).not.toContain(key);
  return { status: statusCode, body: healthResponse.strict().parse(JSON.parse(body)) };
}

const metrics = async (): Promise<ReadonlyMap<string, number>> => {
  const { body } = await server.app.inject({ url: "/metrics" });
  expect(body).not.toContain(key);
  const lines = body.matchAll(/^metropolis_(\S+) (\S+)$/gm);
  return new Map(Array.from(lines, ([, name, value]) => [name!, Number(value)]));
};

it("more of the likeliest tokens than the server tells are refused by the name that they have", async () => {
  // Of those that the server tells, one is the drawn one's.
  const messages = [{ role: "user", content: "7-2*3+4=" }];
  const include = ["message.output_text.logprobs"];
  for (const [path, body, param] of [
    ["/v1/completions", { prompt: "7-2*3+4=", logprobs: 9 }, "logprobs"],
    ["/v1/chat/completions", { messages, logprobs: true, top_logprobs: 9 }, "top_logprobs"],
    ["/v1/responses", { input: "7-2*3+4=", include, top_logprobs: 9 }, "top_logprobs"],
  ] as const)
    for (const stream of [false, true]) {
      const refused = await server.post(path, { ...body, stream });
      expect(refused.status).toBe(400);
      expect(refused.json()).toMatchObject({
        error: {
          param,
          message: expect.stringMatching(/report 9 of the likeliest tokens, but \d at most/) as string,
        },
      });
    }
});

describe("/health and /metrics", () => {
  it("tell of the server, its calls, and what it drew for them", async () => {
    const before = (await health()).body.remote!.totals;
    const body = {
      prompt: "7-2*3+4=",
      sampler: "power",
      max_tokens: 4,
      block_size: 2,
      mcmc_steps: 3,
      seed: 1,
    };
    await server.complete(body);
    const { status, body: said } = await health();
    expect(status).toBe(200);
    expect(said).toMatchObject({
      status: "ok",
      sequences: { open: 0, waiting: 0 },
      remote: {
        server: { dialect: "vllm", url: fake.url, model: "abacus" },
        calls: { open: 0, most: 4 },
      },
    });
    const { totals, token_times: times } = said.remote!;
    expect(totals.calls).toBeGreaterThan(before.calls);
    expect(totals.drawn_tokens).toBeGreaterThanOrEqual(4);
    expect(totals.prompt_tokens).toBeGreaterThanOrEqual(8 * totals.calls);
    expect(totals.cached_tokens).toBeGreaterThan(0);
    expect(totals.call_ms).toBeGreaterThan(0);
    expect(times.map(({ calls }) => calls)).toEqual([1, 2, 4]);
    expect(said.lanes).toBeUndefined();

    const counted = await metrics();
    expect(Object.fromEntries(counted)).toMatchObject({
      remote_calls: 0,
      remote_calls_limit: 4,
      remote_calls_total: totals.calls,
      remote_retries_total: totals.retries,
      remote_aborts_total: totals.aborts,
      remote_refinements_total: totals.refinements,
      remote_drawn_tokens_total: totals.drawn_tokens,
      remote_prompt_tokens_total: totals.prompt_tokens,
      remote_cached_tokens_total: totals.cached_tokens,
      remote_call_seconds_total: totals.call_ms / 1000,
      'remote_token_seconds{calls="1"}': times[0]!.ms / 1000,
    });
  });

  it("count calls that were refused and asked again", async () => {
    fake.faults = { refuse: { status: 429, times: 2, retryAfter: "0" } };
    await server.complete({ prompt: "7-2=", max_tokens: 2, seed: 1 });
    expect((await health()).body.remote!.totals.retries).toBe(2);
    expect((await metrics()).get("remote_retries_total")).toBe(2);
  });

  it("leave nothing of a server where the model is in this process", async () => {
    await using local = await createTestApp();
    const { body } = await local.app.inject({ url: "/health" });
    expect(JSON.parse(body)).not.toHaveProperty("remote");
    const { body: text } = await local.app.inject({ url: "/metrics" });
    expect(text).toMatch(/^metropolis_remote_calls_total 0$/m);
  });
});

it("is asked for nothing that it cannot tell or draw, and the field at fault is named before a stream begins", async () => {
  const refused = [
    ["sampler", { sampler: "exact" }],
    ["temperature", { sampler: "standard", temperature: 0.001 }],
    ["temperature", { sampler: "standard", temperature: 2.5 }],
    ["alpha", { sampler: "power", alpha: 200 }],
    ["alpha", { sampler: "smc", alpha: 101 }],
    ["alpha", { sampler: "low_temperature", alpha: 1000 }],
    ["proposal_temperature", { sampler: "power", alpha: 2, proposal_temperature: 3 }],
    ["proposal_temperature", { sampler: "power", kernel: "tempering", proposal_temperature: 0.005 }],
    ["proposal_temperature", { sampler: "maximize", proposal_temperature: 10 }],
  ] as const;
  const calls = fake.calls.length;
  for (const [param, body] of refused) {
    const payload = { model: "abacus", prompt: "7-2=", max_tokens: 2, ...body };
    for (const stream of [false, true]) {
      const url = "/v1/completions";
      const reply = await server.app.inject({ method: "POST", url, payload: { ...payload, stream } });
      expect(reply.statusCode).toBe(400);
      expect(reply.json()).toMatchObject({ error: { code: "unsupported", param } });
    }
  }
  expect(fake.calls.length).toBe(calls);
});

describe("a server that is gone", () => {
  let ahead = 0;
  beforeEach(() => {
    ahead = 0;
    const now = performance.now.bind(performance);
    vi.spyOn(performance, "now").mockImplementation(() => now() + ahead);
  });

  /** The status of /health, asked again and again for many seconds. */
  async function statusLater(): Promise<number> {
    ahead += 6_000;
    return (await health()).status;
  }

  it("is noticed though nobody calls it, and so is that it is back", async () => {
    await fake.stop();
    expect((await health()).status).toBe(200);
    await expect.poll(statusLater).toBe(503);
    const { body } = await health();
    expect(body.status).toBe("failed");
    expect(body.reason).toMatch(/^The connection to http:\S+ failed \(\w+\)\. It is called again/);
    await fake.start();
    await expect.poll(statusLater).toBe(200);
    await server.complete({ prompt: "7-2=", max_tokens: 2, seed: 1 });
  });

  it("is told from one that has another thing to say", async () => {
    fake.hidden.add("/v1/models");
    const asked = (): number => fake.calls.filter(({ path }) => path === "/v1/models").length;
    const before = asked();
    const askedLater = async (): Promise<number> => {
      expect(await statusLater()).toBe(200);
      return asked();
    };
    await expect.poll(askedLater).toBeGreaterThan(before + 2);
  });
});
