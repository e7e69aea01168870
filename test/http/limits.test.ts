import { describe, expect, it } from "vitest";
import { createTestApp } from "../support/embedded.ts";
import { Gate } from "../support/gate.ts";
import { createToyCompleter } from "../support/toy-completer.ts";

const slow = { prompt: "7-2*3+4=", sampler: "power", mcmc_steps: 200, max_tokens: 64, seed: 1 };

describe("limits of each client", () => {
  it("count requests by key, and say when to come back", async () => {
    await using server = await createTestApp({ apiKeys: ["alpha", "beta"], requestsPerMinute: 2 });
    const get = (key: string, url = "/v1/models") =>
      server.app.inject({ url, headers: { authorization: `Bearer ${key}` } });
    const statuses = [await get("alpha"), await get("alpha"), await get("alpha"), await get("beta")];
    expect(statuses.map(({ statusCode }) => statusCode)).toEqual([200, 200, 429, 200]);
    const [first, , refused] = statuses;
    expect(first!.headers).toMatchObject({ "x-ratelimit-limit": "2", "x-ratelimit-remaining": "1" });
    const wait = Number(refused!.headers["retry-after"]);
    expect(wait).toBeGreaterThan(1);
    expect(wait).toBeLessThanOrEqual(60);
    expect(refused!.json()).toMatchObject({ error: { code: "overloaded", type: "rate_limit_error" } });
    expect(refused!.headers["x-should-retry"]).toBe("true");
    // Wrong keys are refused as such, and /health needs no key, ever.
    expect((await get("gamma")).statusCode).toBe(401);
    for (let index = 0; index < 4; index++) expect((await get("alpha", "/health")).statusCode).toBe(200);
  });

  it("count completions in flight by key", async () => {
    const gate = new Gate();
    await using server = await createTestApp({
      apiKeys: ["alpha", "beta"],
      limits: { maxCompletionsPerClient: 2 },
      completer: await createToyCompleter({ onStep: gate.onStep }),
    });
    const post = async (key: string, n: number) => {
      const headers = { authorization: `Bearer ${key}` };
      const payload = { ...slow, mcmc_steps: 2, max_tokens: 16, n };
      return server.app.inject({ method: "POST", url: "/v1/completions", headers, payload });
    };
    const first = post("alpha", 2);
    await gate.reached;
    const second = await post("alpha", 1);
    expect(second.statusCode).toBe(429);
    expect(second.json<{ error: { message: string } }>().error.message).toContain("You have 2 completions");
    const other = post("beta", 1);
    gate.open();
    expect([(await first).statusCode, (await other).statusCode]).toEqual([200, 200]);
    expect((await post("alpha", 2)).statusCode).toBe(200);
    expect((await post("alpha", 3)).statusCode).toBe(400);
  });
});

/** Instead of any sampler's own fields. */
const plain = {
  sampler: "standard",
  ...{ kernel: undefined, tries: undefined, replicas: undefined, particles: undefined },
};

describe("a request's size", () => {
  it("is judged before its text is tokenised", async () => {
    const completer = await createToyCompleter();
    let encoded = 0;
    const encode = completer.prompts.encode.bind(completer.prompts);
    completer.prompts.encode = (prompts, options) => {
      encoded++;
      return encode(prompts, options);
    };
    await using server = await createTestApp({ completer, limits: { maxTokens: 100, maxCompletions: 4 } });
    const statusOf = async (url: string, body: object) => (await server.post(url, body)).status;
    const messages = [{ role: "user", content: "1+1=" }];
    expect(await statusOf("/v1/completions", { prompt: "1+1=", max_tokens: 101 })).toBe(400);
    expect(await statusOf("/v1/completions", { prompt: ["1", "2", "3"], n: 2, max_tokens: 1 })).toBe(400);
    expect(await statusOf("/v1/completions", { prompt: "1+1=", best_of: 5, max_tokens: 1 })).toBe(400);
    expect(await statusOf("/v1/chat/completions", { messages, max_completion_tokens: 101 })).toBe(400);
    const long = await server.post("/v1/completions", { prompt: "1".repeat(100_000), max_tokens: 1 });
    expect(long.json()).toMatchObject({ error: { code: "context_length_exceeded", param: "prompt" } });
    const chat = await server.post("/v1/chat/completions", {
      messages: [{ role: "user", content: "1".repeat(100_000) }],
      max_tokens: 1,
    });
    expect(chat.json()).toMatchObject({ error: { code: "context_length_exceeded", param: "messages" } });
    expect(encoded).toBe(0);
    expect(await statusOf("/v1/completions", { prompt: "1+1=", max_tokens: 4 })).toBe(200);
    expect(encoded).toBe(1);
  });

  it.each([
    { sampler: "smc", particles: 100 },
    { sampler: "power", kernel: "multiple_try", tries: 50 },
    { sampler: "power", kernel: "tempering", replicas: 16 },
  ])("counts what its sampler holds beside the answer: %j", async (fields) => {
    const body = { prompt: "1+1=", max_tokens: 8, n: 2, logprobs: 2, ...fields };
    await using roomy = await createTestApp({ completer: await createToyCompleter() });
    expect((await roomy.post("/v1/completions", { ...body, max_tokens: 1 })).status).toBe(200);
    await using few = await createTestApp({
      completer: await createToyCompleter(),
      limits: { maxTokens: 200 },
    });
    const answer = await few.post("/v1/completions", body);
    expect(answer.status).toBe(400);
    const { error } = answer.json() as { error: { message: string } };
    expect(error.message).toContain("tries or replicas");
    await using short = await createTestApp({
      completer: await createToyCompleter(),
      limits: { maxAnswerBytes: 20_000 },
    });
    expect((await short.post("/v1/completions", body)).status).toBe(400);
    expect((await short.post("/v1/completions", { ...body, ...plain })).status).toBe(200);
  });

  it("counts its stop strings, for which each completion looks", async () => {
    await using server = await createTestApp({ completer: await createToyCompleter() });
    const post = (stop: string | string[]) =>
      server.post("/v1/completions", { prompt: "1+1=", max_tokens: 1, stop });
    expect((await post("x".repeat(8192))).status).toBe(200);
    for (const stop of ["x".repeat(8193), Array.from({ length: 64 }, () => "x".repeat(129))]) {
      const answer = await post(stop);
      expect(answer.status).toBe(400);
      expect(answer.json()).toMatchObject({
        error: { param: "stop", message: "stop must hold no more than 8192 characters in all." },
      });
    }
  });
});

describe("headers", () => {
  it("are careful by default, and open to the origins that the operator names", async () => {
    await using closed = await createTestApp();
    const origin = "https://app.example";
    const plain = await closed.app.inject({ url: "/v1/models", headers: { origin } });
    expect(plain.headers).not.toHaveProperty("access-control-allow-origin");
    expect(plain.headers).toMatchObject({ "x-content-type-options": "nosniff" });
    expect(plain.headers["content-security-policy"]).not.toContain("upgrade-insecure-requests");

    await using open = await createTestApp({ corsOrigins: [origin], apiKeys: ["alpha"] });
    const preflight = await open.app.inject({
      method: "OPTIONS",
      url: "/v1/completions",
      headers: { origin, "access-control-request-method": "POST" },
    });
    expect(preflight.statusCode).toBe(204);
    expect(preflight.headers["access-control-allow-origin"]).toBe(origin);
    const other = await open.app.inject({ url: "/health", headers: { origin: "https://evil.example" } });
    expect(other.headers["access-control-allow-origin"]).not.toBe("https://evil.example");
    const refused = await open.app.inject({ url: "/v1/models", headers: { origin } });
    // A page must be able to read why it was refused.
    expect(refused.statusCode).toBe(401);
    expect(refused.headers["access-control-allow-origin"]).toBe(origin);
  });

  it("keep proxies from holding a stream back", async () => {
    await using server = await createTestApp();
    const reply = await server.post("/v1/completions", { prompt: "1+1=", stream: true });
    expect(reply.headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
    });
  });
});

describe("/docs", () => {
  it("serves the specification's page from its own files, without a key", async () => {
    await using server = await createTestApp({ apiKeys: ["alpha"] });
    const page = await server.app.inject({ url: "/docs" });
    expect(page.statusCode).toBe(200);
    const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    expect(assets.length).toBeGreaterThan(3);
    for (const path of assets) {
      expect(path).not.toMatch(/^(https?:)?\/\//);
      const asset = await server.app.inject({ url: new URL(path, "http://localhost/docs").pathname });
      expect(asset.statusCode, path).toBe(200);
    }
    const specification = await server.app.inject({ url: "/docs/json" });
    const { paths } = specification.json<{ paths: Record<string, unknown> }>();
    expect(Object.keys(paths)).toContain("/v1/completions");
    expect(Object.keys(paths).filter((path) => path.startsWith("/docs"))).toEqual([]);
  });
});
