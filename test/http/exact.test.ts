import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";
const hard = { alpha: 1000, max_tries: 1 };

const complete = (body: object) => server.complete({ prompt, sampler: "exact", seed: 3, ...body });
const refuse = (body: object) => server.refuse({ prompt, sampler: "exact", seed: 3, ...body });
const textsOf = ({ choices }: CompletionResponse): string[] => choices.map(({ text }) => text);

describe("sampler exact", () => {
  it("answers, the same for a seed, alone or beside others, and says what it took", async () => {
    const all = await complete({ n: 8, alpha: 2 });
    expect(textsOf(await complete({ n: 8, alpha: 2 }))).toEqual(textsOf(all));
    expect(textsOf(await complete({ alpha: 2 }))).toEqual(textsOf(all).slice(0, 1));
    expect(textsOf(await complete({ n: 8, alpha: 2, isolated: true }))).toEqual(textsOf(all));
    for (const { text, exact, finish_reason } of all.choices) {
      expect(finish_reason).toBe("stop");
      expect(text).toMatch(/#\d+$/);
      expect(exact).toMatchObject({ exact: true, alpha: 2, budget_exhausted: false });
      expect(exact).not.toHaveProperty("fallback");
      expect(exact!.log_evidence_bound).toBeLessThanOrEqual(0);
      expect(exact!.drawn_tokens + exact!.discarded_tokens).toBe(
        exact!.evaluated_tokens + exact!.remembered_tokens,
      );
    }
    expect(new Set(textsOf(all)).size).toBeGreaterThan(1);
    expect(all.choices[0]).not.toHaveProperty("power");
    expect(all).not.toHaveProperty("mixing");
  });

  it("is plain sampling at alpha 1, accepted at once", async () => {
    for (const { exact } of (await complete({ n: 16, alpha: 1 })).choices)
      expect(exact).toMatchObject({ exact: true, tries: 1, log_evidence: 0 });
  });

  it("reports tokens as every sampler does", async () => {
    const [choice] = (await complete({ alpha: 2, logprobs: 2 })).choices;
    const { token_logprobs: logprobs, top_logprobs: top } = choice!.logprobs!;
    expect(choice!.exact!.logprob).toBeCloseTo(
      logprobs.reduce<number>((sum, logprob) => sum + logprob!, 0),
      9,
    );
    for (const alternatives of top) expect(Object.keys(alternatives!).length).toBeLessThanOrEqual(3);
    const sampled = (await complete({ alpha: 2, logprobs: 2, logprobs_mode: "sampled" })).choices[0]!;
    expect(sampled.text).toBe(choice!.text);
    expect(sampled.logprobs!.top_logprobs).not.toEqual(top);
    expect((await complete({ alpha: 2 })).choices[0]!.logprobs).toBeNull();
  });

  it("ends at stop strings and stop tokens, streams, echoes, takes lists of prompts, best_of and ignore_eos", async () => {
    const stopped = { alpha: 2, stop: ";" };
    const whole = (await complete({ ...stopped, n: 4 })).choices;
    for (const { text } of whole) expect(text).not.toContain(";");
    const reply = await server.post("/v1/completions", {
      prompt,
      sampler: "exact",
      seed: 3,
      ...stopped,
      stream: true,
    });
    const chunks = parseEvents(reply.text) as unknown as CompletionResponse[];
    expect(chunks.map(({ choices }) => choices[0]!.text).join("")).toBe(whole[0]!.text);
    expect(chunks.at(-1)!.choices[0]!.exact).toMatchObject({ exact: true });
    const { choices } = await complete({ prompt: [prompt, "1+1="], n: 2, alpha: 2, echo: true });
    expect(choices.map(({ text }) => text.startsWith(prompt))).toEqual([true, true, false, false]);
    expect((await complete({ n: 1, best_of: 4, alpha: 2 })).choices).toHaveLength(1);
    const [long] = (await complete({ alpha: 2, max_tokens: 4, ignore_eos: true })).choices;
    expect(long!.finish_reason).toBe("length");
    expect(long!.exact!.exact).toBe(true);
  });

  it("answers 128 at once, of one token", async () => {
    const { choices } = await complete({ n: 128, max_tokens: 1, alpha: 2 });
    expect(choices).toHaveLength(128);
    for (const { exact } of choices) expect(exact!.exact).toBe(true);
  });

  it("finds the likeliest answer at alpha 1000", async () => {
    const [{ exact, text } = {}] = (await complete({ alpha: 1000, max_tries: 5000 })).choices;
    const { choices } = await server.complete({
      prompt,
      sampler: "maximize",
      mcmc_steps: 30,
      proposal_temperature: 1,
    });
    expect(text).toBe(choices[0]!.text);
    expect(exact!.exact).toBe(true);
  });
});

describe("when no try is accepted", () => {
  it("fails by name, with what to do", async () => {
    const error = await refuse(hard);
    expect(error).toMatchObject({ status: 422, code: "budget_exhausted", param: "max_tries" });
    expect(error.message).toMatch(/ 1 try:.*max_tries.*fallback/);
    expect((await refuse({ ...hard, max_tries: 2 })).message).toMatch(/ 2 tries:/);
    const cheap = await refuse({ alpha: 1000, max_evaluated_tokens: 48, max_tokens: 48 });
    expect(cheap).toMatchObject({ status: 422, param: "max_evaluated_tokens" });
  });

  it("falls back to the very chain that power would run, and says so", async () => {
    const [choice] = (await complete({ ...hard, fallback: "power" })).choices;
    const [chain] = (await server.complete({ prompt, sampler: "power", alpha: 1000, seed: 3 })).choices;
    expect(choice!.text).toBe(chain!.text);
    expect(choice!.exact).toMatchObject({ exact: false, tries: 1, log_evidence: null });
    expect(choice!.exact!.fallback).toMatchObject({
      steps: chain!.power!.steps,
      logprob: chain!.power!.logprob,
    });
    expect(choice!.exact!.logprob).toBe(chain!.power!.logprob);
  });

  it.each([
    { isolated: true },
    { max_evaluated_tokens: 400 },
    { max_tokens: 2, max_evaluated_tokens: 5, max_tries: 10 },
    { isolated: true, n: 3 },
    { isolated: true, stop: ";" },
  ])("counts what the tries cost apart from what the chain did: %j", async (body) => {
    const { choices } = await complete({ ...hard, fallback: "power", ...body });
    for (const { exact } of choices) {
      const { fallback, ...whole } = exact!;
      expect(fallback!.discarded_tokens).toBe(0);
      expect(whole.discarded_tokens).toBe(0);
      // The tries asked for the first tokens, which the chain remembers.
      expect(fallback!.evaluated_tokens).toBeLessThan(whole.evaluated_tokens);
      expect(fallback!.drawn_tokens).toBe(fallback!.evaluated_tokens + fallback!.remembered_tokens);
    }
  });

  it("leaves the chain of a fallback enough of the budget for a whole answer", async () => {
    const [choice] = (
      await complete({
        ...hard,
        max_tries: 10_000,
        fallback: "power",
        max_tokens: 30,
        max_evaluated_tokens: 60,
      })
    ).choices;
    expect(choice!.finish_reason).toBe("stop");
    expect(choice!.exact!.evaluated_tokens).toBeLessThanOrEqual(60);
  });
});

describe("what cannot be", () => {
  it.each([
    [{ alpha: 0.5 }, "alpha", /at least 1/],
    [{ proposal_temperature: 0.5 }, "proposal_temperature", /1\/alpha/],
    [{ top_k: 5 }, "top_k", /truncated/],
    [{ top_p: 0.5 }, "top_p", /truncated/],
    [{ temperature: 0.7 }, "temperature", /alpha/],
    [{ logit_bias: { "1": 1 } }, "logit_bias", /'standard'/],
    [{ min_tokens: 2 }, "min_tokens", /'standard'/],
    [{ mcmc_steps: 2 }, "mcmc_steps", /'exact'/],
    [{ max_tries: 0 }, "max_tries", /./],
    [{ fallback: "greedy" }, "fallback", /none, power/],
    [{ max_evaluated_tokens: 1, max_tokens: 2 }, "max_evaluated_tokens", /2 at least/],
    [{ max_evaluated_tokens: 3, max_tokens: 2, fallback: "power" }, "max_evaluated_tokens", /4 at least/],
    [{ max_evaluated_tokens: 100, isolated: false }, "isolated", /together/],
  ])("is refused by name: %j", async (body, param, message) => {
    const error = await refuse(body);
    expect(error).toMatchObject({ status: 400, param });
    expect(error.message).toMatch(message);
  });
});

describe("memory of envelopes", () => {
  it("counts as tokens in flight: what no empty server could hold is refused, by name", async () => {
    const four = { prompt: Array<string>(4).fill(prompt), n: 128 };
    const error = await refuse(four);
    expect(error).toMatchObject({ status: 400, code: "invalid_request" });
    expect(error.message).toMatch(/max_tries/);
    expect(await refuse({ ...four, n: 1, best_of: 128 })).toMatchObject({ status: 400 });
    // Few tries, and single tokens, come by few prefixes.
    const easy = { ...four, alpha: 1 };
    expect((await complete({ ...easy, max_tokens: 1 })).choices).toHaveLength(512);
    expect((await complete({ ...easy, max_tokens: 3, max_tries: 100 })).choices).toHaveLength(512);
  });
});

describe("a watcher, and a client that leaves", () => {
  const settings = { sampler: "exact", alpha: 2, maxTries: 100_000 } as const;
  const request = { prompt: [3, 10, 4, 13], maxTokens: 40, stop: [], seed: 1, choice: 0, topCount: 0 };

  it("sees each try as a proposal, and the one that is accepted", async () => {
    const seen: string[] = [];
    let text = "";
    const asked = { ...request, settings, trace: true, progress: true };
    for await (const event of server.completer.complete(asked, new AbortController().signal)) {
      if (event.type === "trace") {
        seen.push(event.trace.type === "decision" ? event.trace.outcome : event.trace.type);
        if (event.trace.type === "revision") text = event.trace.text;
      }
      if (event.type === "text") expect(event.text === "" || text.includes(event.text)).toBe(true);
      if (event.type === "progress")
        expect(event.progress).toMatchObject({ block: 1, blocks: 1, steps: 100_000 });
      if (event.type === "finish")
        expect(seen.filter((type) => type === "proposal")).toHaveLength(event.report.exact!.tries);
    }
    expect(seen[0]).toBe("block");
    expect(seen.slice(-2)).toEqual(["accepted", "revision"]);
  });

  it("stops its tries", async () => {
    const controller = new AbortController();
    const hopeless = { ...request, settings: { ...settings, alpha: 1000 }, ignoreEnd: true, maxTokens: 200 };
    const events = server.completer.complete(hopeless, controller.signal);
    const work = (async () => {
      for await (const _event of events);
    })();
    const open = async () => (await server.completer.health()).details?.sequences.open;
    await expect.poll(open).toBeGreaterThan(0);
    controller.abort();
    await expect(work).rejects.toMatchObject({ code: "aborted" });
    await expect.poll(open).toBe(0);
  });
});
