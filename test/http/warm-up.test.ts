import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CompletionChunk } from "../../src/server/schemas/chunks.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";
const ask = { prompt, sampler: "power", warm_up: "particles" };

describe("a warm-up by particles", () => {
  it.each([
    {},
    { warm_up_particles: 1 },
    { kernel: "tempering", warm_up_particles: 4 },
    { kernel: "multiple_try" },
    { cut: "entropy", mcmc_steps: 0 },
  ])("answers with %j, the same for a seed, in one block", async (changes) => {
    const body = { ...ask, n: 6, seed: 3, ...changes };
    const [first, again] = [await server.complete(body), await server.complete(body)];
    expect(again.choices.map(({ text }) => text)).toEqual(first.choices.map(({ text }) => text));
    for (const { power, text, finish_reason } of first.choices) {
      expect(text).toMatch(/#\d+$/);
      expect(finish_reason).toBe("stop");
      expect(power).toMatchObject({ blocks: 1, steps: changes.mcmc_steps ?? 10 });
    }
  });

  it("tells how far its particles are, and draws no other answer for it", async () => {
    const asked = { ...ask, seed: 3, max_tokens: 24, stream: true };
    const textOf = (events: readonly CompletionChunk[]): string =>
      events.flatMap(({ choices }) => choices.map(({ text }) => text)).join("");
    const streamed = async (more: object): Promise<CompletionChunk[]> =>
      parseEvents((await server.post("/v1/completions", { ...asked, ...more })).text) as never;
    const [quiet, loud] = [
      await streamed({}),
      await streamed({ stream_options: { include_progress: true } }),
    ];
    expect(textOf(loud)).toBe(textOf(quiet));
    const progress = loud.flatMap((chunk) => chunk.progress ?? []);
    const drafting = progress.filter(({ drafted_tokens }) => drafted_tokens !== undefined);
    // All that is told of the draft comes before its end is, which has no such figures.
    expect(progress.slice(0, drafting.length)).toEqual(drafting);
    expect(progress[drafting.length]).toMatchObject({ block: 1, step: 0 });
    const lengths = drafting.map(({ drafted_tokens }) => drafted_tokens!);
    expect(lengths.length).toBeGreaterThan(3);
    expect(lengths).toEqual(lengths.toSorted((one, other) => one - other));
    expect(new Set(lengths).size).toBe(lengths.length);
    for (const told of drafting) expect(told).toMatchObject({ block: 1, step: 0, moved: 0, horizon: 24 });
    expect(lengths.at(-1)).toBeLessThanOrEqual(24);
  });

  it.each([
    { what: "several answers", chains: 3, changes: { n: 3 } },
    { what: "several prompts", chains: 2, changes: { prompt: [prompt, "1+1="] } },
    { what: "candidates", chains: 4, changes: { best_of: 4, select: "vote", select_answer: "last_number" } },
    { what: "replicas", chains: 1, changes: { kernel: "tempering", replicas: 3 } },
    { what: "one particle", chains: 1, changes: { warm_up_particles: 1 } },
    { what: "a stop string", chains: 1, changes: { stop: ["#"] } },
    { what: "a pattern", chains: 1, changes: { structured_outputs: { regex: "#[0-9]{1,2}" } } },
    { what: "one token", chains: 1, changes: { max_tokens: 1 } },
    { what: "a spent budget", chains: 1, changes: { max_evaluated_tokens: 5 } },
  ])(
    "tells it of $what: of each chain under its number, never back, and to its horizon at most",
    async (one) => {
      const body = { ...ask, seed: 3, max_tokens: 24, ...one.changes };
      const options = { stream: true, stream_options: { include_progress: true } };
      const reply = await server.post("/v1/completions", { ...body, ...options });
      const told = (parseEvents(reply.text) as CompletionChunk[]).flatMap(({ progress }) => progress ?? []);
      expect(Math.max(...told.map(({ index }) => index))).toBe(one.chains - 1);
      for (let chain = 0; chain < one.chains; chain++) {
        const progress = told.filter(({ index }) => index === chain);
        const lengths = progress.flatMap(({ drafted_tokens }) => drafted_tokens ?? []);
        expect(lengths[0]).toBe(1);
        expect(lengths).toEqual([...new Set(lengths)].toSorted((a, b) => a - b));
        expect(lengths.at(-1)).toBeLessThanOrEqual(body.max_tokens);
        const [drafting, others] = [progress.slice(0, lengths.length), progress.slice(lengths.length)];
        for (const { horizon, step } of drafting)
          expect({ horizon, step }).toEqual({ horizon: body.max_tokens, step: 0 });
        expect(others.length).toBeGreaterThan(0);
        for (const { horizon } of others) expect(horizon).toBeUndefined();
      }
    },
  );

  it("ends at stop strings and stop tokens wherever they come from", async () => {
    for (const stop of [{ stop: ["=", "#"] }, { stop: ["=5", "1;", "12"] }, { stop_token_ids: [13, 14] }]) {
      const { choices } = await server.complete({ ...ask, n: 12, seed: 8, mcmc_steps: 0, ...stop });
      for (const { text, finish_reason } of choices) {
        expect(finish_reason).toBe("stop");
        for (const found of stop.stop ?? []) expect(text).not.toContain(found);
      }
    }
  });

  it.each(["raw", "sampled"])("reports log-probs as asked, %s", async (logprobs_mode) => {
    const { choices } = await server.complete({ ...ask, seed: 4, logprobs: 3, logprobs_mode, mcmc_steps: 0 });
    const { tokens, token_logprobs, top_logprobs } = choices[0]!.logprobs!;
    let inTop = 0;
    for (const [place, token] of tokens.entries()) {
      expect(Object.keys(top_logprobs[place]!).length).toBeLessThanOrEqual(4);
      const top = top_logprobs[place]![token];
      if (top === undefined) continue;
      inTop++;
      expect(top).toBeCloseTo(token_logprobs[place]!, 6);
    }
    expect(inTop).toBeGreaterThan(tokens.length / 2);
  });

  it("stops where its budget is spent, with what it has come to", async () => {
    for (const budget of [1, 5, 12]) {
      const body = { ...ask, seed: 2, max_evaluated_tokens: budget, mcmc_steps: 50 };
      const [first, again] = [await server.complete(body), await server.complete(body)];
      const { power, text } = first.choices[0]!;
      expect(power!.budget_exhausted).toBe(true);
      expect(power!.evaluated_tokens).toBeLessThanOrEqual(budget);
      expect(again.choices[0]!.text).toBe(text);
    }
  });

  it("draws more surely what p^alpha prefers than a plain draft does", async () => {
    const mean = async (changes: object): Promise<number> => {
      const body = { prompt, sampler: "power", n: 64, seed: 5, mcmc_steps: 0, ...changes };
      const { choices } = await server.complete(body);
      return choices.reduce((sum, { power }) => sum + power!.logprob, 0) / choices.length;
    };
    const plain = await mean({ warm_up: "blocks" });
    expect(await mean({ warm_up_particles: 32 })).toBeGreaterThan(plain + 0.2);
  });

  it("is refused what belongs to blocks", async () => {
    expect(await server.refuse({ ...ask, block_size: 3 })).toMatchObject({
      status: 400,
      param: "block_size",
    });
    expect(await server.refuse({ ...ask, sampler: "maximize" })).toMatchObject({
      status: 400,
      param: "warm_up",
    });
    expect(await server.refuse({ ...ask, warm_up: "particle" })).toMatchObject({
      status: 400,
      param: "warm_up",
    });
    expect(await server.refuse({ ...ask, warm_up_particles: 0 })).toMatchObject({
      param: "warm_up_particles",
    });
  });
});
