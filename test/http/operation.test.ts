import { describe, expect, it } from "vitest";
import { Admission } from "../../src/server/admission.ts";
import type { HealthResponse } from "../../src/server/schemas/health.ts";
import { createEmbedded, createTestApp } from "../support/embedded.ts";
import { Gate } from "../support/gate.ts";
import { createToyCompleter } from "../support/toy-completer.ts";

describe("API keys", () => {
  it("guard everything but /health and its other name", async () => {
    await using server = await createTestApp({ apiKeys: ["alpha", "beta"] });
    const get = (url: string, key?: string) =>
      server.app.inject({ url, ...(key === undefined ? {} : { headers: { authorization: key } }) });
    expect((await get("/health")).statusCode).toBe(200);
    expect((await get("/ping")).json()).toMatchObject({ status: "ok" });
    for (const url of ["/v1/models", "/metrics", "/version", "/tokenizer_info", "/nowhere"]) {
      const reply = await get(url);
      expect(reply.statusCode, url).toBe(401);
      expect(reply.json()).toMatchObject({
        error: { code: "invalid_api_key", type: "invalid_request_error" },
      });
    }
    for (const key of ["Bearer wrong", "Bearer ", "alpha", "Basic alpha", "Bearer alphabeta"]) {
      expect((await get("/v1/models", key)).statusCode, key).toBe(401);
    }
    for (const key of ["Bearer alpha", "bearer beta"])
      expect((await get("/v1/models", key)).statusCode).toBe(200);
    const post = await server.post("/v1/completions", { prompt: "1+1=" });
    expect(post.status).toBe(401);
  });

  it("are asked of no probe, by whichever method of SageMaker's, and whatever it sends", async () => {
    await using server = await createTestApp({ apiKeys: ["alpha"] });
    const json = { "content-type": "application/json" };
    for (const probe of [
      { method: "GET" },
      { method: "POST" },
      { method: "POST", headers: json },
      { method: "POST", headers: json, payload: "{}" },
      { method: "HEAD" },
    ] as const) {
      const reply = await server.app.inject({ url: "/ping", ...probe });
      expect(reply.statusCode, JSON.stringify(probe)).toBe(200);
    }
    const { started_at } = (await server.app.inject({ url: "/health" })).json<HealthResponse>();
    const models = await server.app.inject({ url: "/v1/models", headers: { authorization: "Bearer alpha" } });
    expect(models.json<{ data: [{ created: number }] }>().data[0].created).toBe(started_at);
  });

  it("are not asked for when there are none, whatever a client sends", async () => {
    await using server = await createTestApp();
    const reply = await server.app.inject({ url: "/v1/models", headers: { authorization: "Bearer " } });
    expect(reply.statusCode).toBe(200);
  });
});

describe("admission", () => {
  it("turns away what is too much with 429 and a time to retry, and takes the next", async () => {
    const gate = new Gate();
    await using server = await createTestApp({
      completer: await createToyCompleter({ onStep: gate.onStep }),
      limits: { maxCompletions: 4, maxTokens: 10_000 },
    });
    const body = { prompt: "7-2*3+4=", sampler: "power", n: 3, mcmc_steps: 2 };
    const first = server.post("/v1/completions", body);
    await gate.reached;
    const refused = await server.post("/v1/completions", body);
    expect(refused.status).toBe(429);
    expect(refused.headers["retry-after"]).toBe("1");
    expect(refused.json()).toMatchObject({ error: { type: "rate_limit_error", code: "overloaded" } });
    gate.open();
    expect((await first).status).toBe(200);
    expect((await server.post("/v1/completions", body)).status).toBe(200);
  });

  it("refuses for good what could never fit", async () => {
    await using server = await createTestApp({ limits: { maxCompletions: 4, maxTokens: 100 } });
    const many = await server.post("/v1/completions", { prompt: "1+1=", n: 5, max_tokens: 1 });
    expect({ status: many.status, retry: many.headers["x-should-retry"] }).toEqual({
      status: 400,
      retry: "false",
    });
    expect((await server.post("/v1/completions", { prompt: "1+1=", max_tokens: 97 })).status).toBe(400);
    expect((await server.post("/v1/completions", { prompt: "1+1=", max_tokens: 40 })).status).toBe(200);
  });

  it("gives the room back", () => {
    const admission = new Admission({ maxCompletions: 2, maxTokens: 20, maxAnswerBytes: 2000 });
    const one = { completions: 1, tokens: 1, answerBytes: 1000 };
    const release = admission.admit({ completions: 2, tokens: 14, answerBytes: 1000 }, "a");
    expect(() => {
      admission.check(one, "b");
    }).toThrow(/busy/);
    expect(admission.inFlight).toEqual({ completions: 2, tokens: 14, answerBytes: 1000 });
    release();
    expect(admission.inFlight).toEqual({ completions: 0, tokens: 0, answerBytes: 0 });
    admission.check(one, "a");
    const long = admission.admit({ ...one, answerBytes: 1500 }, "a");
    expect(() => {
      admission.check(one, "b");
    }).toThrow(/busy with answers of 1 MiB/);
    long();
    admission.check({ ...one, answerBytes: 2000 }, "b");
    expect(() => {
      admission.check({ ...one, answerBytes: 2001 }, "b");
    }).toThrow(/Lower logprobs/);
  });
});

describe("what operators and harnesses look for", () => {
  it("models by id, tokenizer_info, version", async () => {
    await using server = await createTestApp();
    const get = async (url: string) => (await server.app.inject({ url })).json<Record<string, unknown>>();
    expect(await get("/v1/models/abacus:power")).toMatchObject({
      id: "abacus:power",
      root: "abacus",
      parent: "abacus",
    });
    for (const name of ["gpt-4", "openai/gpt-4", "a".repeat(2000)])
      expect((await server.app.inject({ url: `/v1/models/${name}` })).statusCode).toBe(404);
    expect(await get("/tokenizer_info")).toMatchObject({
      eos_token: "<eos>",
      pad_token: "<pad>",
      chat_template: expect.any(String) as unknown,
    });
    expect(await get("/version")).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) as unknown });
  });

  it("models of the hub by id, its slash encoded or not", async () => {
    const completer = await createEmbedded();
    const model = { ...completer.model, id: "org/name" };
    await using server = await createTestApp({ completer: Object.assign(completer, { model }) });
    for (const id of ["org/name", "org/name:power"]) {
      for (const path of [
        id,
        encodeURIComponent(id),
        `${id}/`,
        `${encodeURIComponent(id)}/`,
        `${id}?a=b/c`,
      ]) {
        const reply = await server.app.inject({ url: `/v1/models/${path}` });
        expect(reply.json(), path).toMatchObject({ id, root: "org/name" });
      }
    }
    for (const path of ["org", "name", "org/name/more", "org/name:nothing", "org%2F"]) {
      const reply = await server.app.inject({ url: `/v1/models/${path}` });
      expect(reply.json(), path).toMatchObject({ error: { code: "model_not_found" } });
    }
    const { headers, statusCode } = await server.app.inject({ method: "DELETE", url: "/v1/models/org/name" });
    expect([statusCode, headers.allow]).toEqual([405, "GET, HEAD"]);
  });

  it("health in the names of the API, and beside them the former ones", async () => {
    await using server = await createTestApp();
    await server.post("/v1/completions", { prompt: "7-2*3+4=", sampler: "power", seed: 1 });
    const reply = await server.app.inject({ url: "/health" });
    expect(reply.statusCode).toBe(200);
    const health = reply.json<HealthResponse>();
    expect(health).toMatchObject({
      status: "ok",
      lanes: { total: 16, leased: 0 },
      sequences: { open: 0, waiting: 0 },
      prefix_store: { max_bytes: 256 * 2 ** 20, query_tokens: expect.any(Number) as unknown },
      memo: { max_bytes: 256 * 2 ** 20, prompts: 1 },
      preemptions: 0,
    });
    expect(health.evaluated_tokens).toBeGreaterThan(0);
    expect(health.passes).toBeGreaterThan(0);
    expect(health.pass_times!.decode.at(-1)!.rows).toBe(16);
    const {
      bytes,
      max_bytes: maxBytes,
      hit_tokens: hitTokens,
      query_tokens: queryTokens,
    } = health.prefix_store!;
    expect(health.prefixStore).toEqual({ bytes, maxBytes, hitTokens, queryTokens });
    expect(health.evaluatedTokens).toBe(health.evaluated_tokens);
    expect(health.passTimes).toEqual(health.pass_times);
    expect(health.memo!.maxBytes).toBe(health.memo!.max_bytes);
  });

  it("metrics by the names and types that Prometheus' linter wants", async () => {
    await using server = await createTestApp();
    for (const sampler of ["power", "smc", "greedy"])
      await server.post("/v1/completions", { prompt: "7-2*3+4=", sampler, seed: 1 });
    const { body } = await server.app.inject({ url: "/metrics" });
    const types = Object.fromEntries(
      [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]),
    );
    for (const [name, type] of Object.entries(types)) {
      expect(name).toMatch(/^(metropolis|process|nodejs)_[a-z0-9_]+$/);
      expect({ name, isTotal: name.endsWith("_total") }).toEqual({ name, isTotal: type === "counter" });
      expect(body).toMatch(new RegExp(`^# HELP ${name} \\S`, "m"));
    }
    expect(Object.keys(types)).toEqual(
      expect.arrayContaining([
        ...["process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"],
        ...[
          "nodejs_eventloop_lag_p99_seconds",
          "nodejs_heap_size_used_bytes",
          "metropolis_forward_passes_total",
        ],
      ]),
    );
    expect(body).toMatch(/^metropolis_forward_passes_total [1-9]\d*$/m);
  });

  it("metrics that count what happened", async () => {
    await using server = await createTestApp();
    const value = async (name: string): Promise<number> => {
      const reply = await server.app.inject({ url: "/metrics" });
      expect(reply.headers["content-type"]).toContain("text/plain");
      const line = reply.body.split("\n").find((candidate) => candidate.startsWith(`metropolis_${name} `));
      return Number(line?.split(" ").at(-1));
    };
    const reply = await server.post("/v1/completions", { prompt: "7-2*3+4=", sampler: "power", seed: 1 });
    const { choices, usage } = reply.json() as {
      choices: { power: Record<string, number> }[];
      usage: Record<string, number>;
    };
    const { power } = choices[0]!;
    expect(await value("prompt_tokens_total")).toBe(8);
    expect(await value("generation_tokens_total")).toBe(usage.completion_tokens);
    expect(await value("evaluated_tokens_total")).toBe(power.evaluated_tokens);
    expect(await value("memo_queries_total")).toBe(power.drawn_tokens);
    expect(await value("memo_hits_total")).toBe(power.remembered_tokens);
    expect(await value("discarded_tokens_total")).toBe(power.discarded_tokens);
    expect(power.drawn_tokens).toBeGreaterThan(power.evaluated_tokens!);
    expect(await value('request_success_total{finished_reason="stop"}')).toBe(1);
    expect(await value('proposals_total{outcome="unchanged"}')).toBe(power.unchanged);
    expect(await value("e2e_request_latency_seconds_count")).toBe(1);
    expect(await value("num_requests_running")).toBe(0);
    expect(await value("lanes_leased")).toBe(0);
    expect(await value("forward_passes_total")).toBeGreaterThan(0);
  });
});
