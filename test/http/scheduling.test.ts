import { describe, expect, it, vi } from "vitest";
import { createTestApp } from "../support/embedded.ts";

const body = { prompt: "7-2*3+4=", max_tokens: 32, ignore_eos: true, seed: 1 };
const crowd = { ...body, n: 64 };

/** Starts the requests in this order and says in which they were answered. */
async function orderOfAnswers(lanes: number, bodies: readonly object[]): Promise<number[]> {
  await using server = await createTestApp({ engine: { lanes } });
  const order: number[] = [];
  const answers = bodies.map(async (request, index) => {
    const { status } = await server.post("/v1/completions", request);
    expect(status).toBe(200);
    order.push(index);
  });
  await Promise.all(answers);
  return order;
}

describe("requests side by side", () => {
  it("share the lanes, however many completions each asks for", async () => {
    expect(await orderOfAnswers(2, [crowd, body])).toEqual([1, 0]);
  });

  it("of batch priority let interactive ones pass, those of service_tier flex too", async () => {
    // So many that the first is far from its end when the second comes, however busy the machine.
    const many = { ...body, n: 64 };
    expect(await orderOfAnswers(2, [{ ...many, priority: "batch" }, many])).toEqual([1, 0]);
    expect(await orderOfAnswers(2, [{ ...many, service_tier: "flex" }, many])).toEqual([1, 0]);
    const named = { ...many, priority: "batch" };
    const overruled = { ...many, service_tier: "flex", priority: "interactive" };
    expect(await orderOfAnswers(2, [named, overruled])).toEqual([1, 0]);
  });

  it("of batch priority are answered the same, log-probs of the prompt included", async () => {
    // What is asked again would be tried several tokens a pass, whose log-probs are rounded otherwise.
    await using server = await createTestApp({ engine: { speculation: false } });
    const scored = { ...body, echo: true, logprobs: 1 };
    const choicesOf = async (priority: string): Promise<unknown> => {
      const reply = await server.post("/v1/completions", { ...scored, priority });
      return (reply.json() as { choices: unknown }).choices;
    };
    expect(await choicesOf("batch")).toEqual(await choicesOf("interactive"));
  });

  it.each([
    { request: {}, isWatched: false },
    { request: { stream: true }, isWatched: true },
    { request: { sampler: "power" }, isWatched: false },
    {
      request: { sampler: "power", stream: true, stream_options: { include_progress: true } },
      isWatched: true,
    },
    { request: { best_of: 2, select: "logprob" }, isWatched: false },
  ])("are watched where somebody sees their pauses: $request", async ({ request, isWatched }) => {
    await using server = await createTestApp();
    const complete = vi.spyOn(server.completer, "complete");
    expect((await server.post("/v1/completions", { ...body, ...request })).status).toBe(200);
    expect(complete.mock.calls[0]![0].share).toMatchObject({ isWatched });
  });

  it("refuse another priority by name", async () => {
    await using server = await createTestApp();
    const reply = await server.post("/v1/completions", { ...body, priority: "urgent" });
    expect(reply.status).toBe(400);
    expect(reply.json()).toMatchObject({
      error: { param: "priority", message: expect.stringContaining("interactive, batch") as unknown },
    });
  });

  it("leave their mark in /health and /metrics", async () => {
    await using server = await createTestApp({ engine: { lanes: 3 } });
    await server.post("/v1/completions", body);
    const health = (await server.app.inject({ url: "/health" })).json<{
      passTimes: { decode: { rows: number; ms: number }[]; prefill: { tokens: number; ms: number }[] };
    }>();
    expect(health.passTimes.decode.map(({ rows }) => rows)).toEqual([1, 2, 3]);
    expect(health.passTimes.prefill.map(({ tokens }) => tokens)).toEqual([1, 2, 4, 8, 16, 32, 64]);
    for (const { ms } of [...health.passTimes.decode, ...health.passTimes.prefill])
      expect(ms).toBeGreaterThan(0);
    const { body: text } = await server.app.inject({ url: "/metrics" });
    expect(text).toMatch(/^metropolis_decode_pass_seconds\{rows="2"\} 0\.\d+$/m);
    expect(text).toMatch(/^metropolis_prefill_pass_seconds\{tokens="64"\} 0\.\d+$/m);
    expect(text).toMatch(/^metropolis_num_preemptions_total 0$/m);
  });
});
