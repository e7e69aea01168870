import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";

const complete = (body: object) => server.complete({ prompt, seed: 3, ...body });
const refuse = (body: object) => server.refuse({ prompt, ...body });

const textsOf = ({ choices }: CompletionResponse): string[] => choices.map(({ text }) => text);

describe("sampler smc", () => {
  it("answers, the same for a seed, and says that it is approximate and how its particles went", async () => {
    const body = { sampler: "smc", n: 4 };
    const first = await complete(body);
    expect(textsOf(await complete(body))).toEqual(textsOf(first));
    const flat = { ...body, n: 16, alpha: 1.5 };
    expect(new Set(textsOf(await complete(flat))).size).toBeGreaterThan(1);
    for (const { text, smc, finish_reason } of first.choices) {
      expect(finish_reason).toBe("stop");
      expect(text).toMatch(/#\d+$/);
      expect(smc).toMatchObject({ kind: "approximate", alpha: 4, particles: 16, budget_exhausted: false });
      expect(smc!.ess).toBeGreaterThanOrEqual(1);
      expect(smc!.ess).toBeLessThanOrEqual(16 + 1e-9);
      expect(smc!.log_evidence).toBeLessThan(0);
      expect(smc!.drawn_tokens).toBeGreaterThan(16);
      expect(smc!.evaluated_tokens).toBeLessThanOrEqual(smc!.drawn_tokens);
    }
    expect(first.choices.some(({ smc }) => smc!.resamplings > 0)).toBe(true);
    expect(first.choices[0]).not.toHaveProperty("power");
  });

  it("reports Σ log p that agrees with the log-probs of the tokens", async () => {
    const [choice] = (await complete({ sampler: "smc", logprobs: 2 })).choices;
    const sum = choice!.logprobs!.token_logprobs.reduce<number>((total, logprob) => total + logprob!, 0);
    expect(choice!.smc!.logprob).toBeCloseTo(sum, 9);
  });

  it("leaves guesses behind as the particles grow in number", async () => {
    const guesses = async (particles: number): Promise<number> => {
      const body = { sampler: "smc", particles, proposal_temperature: 1, n: 40 };
      return textsOf(await complete(body)).filter((text) => text.startsWith("#")).length;
    };
    const [few, many] = [await guesses(2), await guesses(32)];
    expect(few).toBeGreaterThan(4);
    expect(many).toBeLessThan(3);
  });

  it("ends at stop strings, streams what it answers whole, and goes by the model's name", async () => {
    const body = { model: "abacus:smc", stop: ";", max_tokens: 10 };
    const whole = (await complete(body)).choices[0]!;
    const reply = await server.post("/v1/completions", { prompt, seed: 3, ...body, stream: true });
    const chunks = parseEvents(reply.text) as unknown as CompletionResponse[];
    const last = chunks.at(-1)!.choices[0]!;
    expect(chunks.map(({ choices }) => choices[0]!.text).join("")).toBe(whole.text);
    expect(whole.text).not.toContain(";");
    expect(last.finish_reason).toBe(whole.finish_reason);
    expect(last.smc).toMatchObject({ particles: 16, resamplings: whole.smc!.resamplings });
  });

  it("keeps to a budget to the token, and answers with what it has", async () => {
    for (const budget of [1, 7, 20]) {
      const body = { sampler: "smc", proposal_temperature: 1, max_evaluated_tokens: budget };
      const [{ smc, text } = {}] = (await complete(body)).choices;
      expect(smc).toMatchObject({ budget_exhausted: true, evaluated_tokens: budget, log_evidence: null });
      expect(text).not.toBe("");
    }
  });

  it("runs more particles than there are lanes, and stops when its client goes away", async () => {
    const [choice] = (await complete({ sampler: "smc", particles: 100, proposal_temperature: 1 })).choices;
    expect(choice!.text).toMatch(/#\d+$/);
    const controller = new AbortController();
    const settings = { sampler: "smc", alpha: 4, particles: 64, proposalTemperature: 1 } as const;
    const events = server.completer.complete(
      {
        prompt: [3, 10, 4, 13],
        settings,
        maxTokens: 200,
        ignoreEnd: true,
        stop: [],
        seed: 1,
        choice: 0,
        topCount: 0,
      },
      controller.signal,
    );
    const work = (async () => {
      for await (const _event of events);
    })();
    await expect
      .poll(async () => (await server.completer.health()).details?.sequences.open)
      .toBeGreaterThan(0);
    controller.abort();
    await expect(work).rejects.toMatchObject({ code: "aborted" });
    await expect.poll(async () => (await server.completer.health()).details?.sequences.open).toBe(0);
  });
});

describe("sampler maximize", () => {
  it("answers with what it found, and says that it is a search", async () => {
    const body = { sampler: "maximize", n: 3, proposal_temperature: 1, mcmc_steps: 20 };
    const first = await complete(body);
    expect(textsOf(await complete(body))).toEqual(textsOf(first));
    for (const { maximize } of first.choices) {
      expect(maximize).toMatchObject({ kind: "search", steps: 320, blocks: 16, budget_exhausted: false });
      const { steps, accepted, rejected, rejected_early, unchanged } = maximize!;
      expect(accepted + rejected + rejected_early + unchanged).toBe(steps);
    }
    // Every search comes to the likeliest answer; samples only now and then.
    expect(new Set(textsOf(first)).size).toBe(1);
    const { choices } = await complete({ sampler: "standard", n: 64, logprobs: 0 });
    const sums = choices.map(({ logprobs }) =>
      logprobs!.token_logprobs.reduce<number>((sum, logprob) => sum + logprob!, 0),
    );
    expect(first.choices[0]!.maximize!.logprob).toBeGreaterThan(Math.max(...sums) - 1e-3);
    expect(first.choices[0]).not.toHaveProperty("power");
    expect(first).not.toHaveProperty("mixing");
  });

  it("goes by the model's name, and keeps to a budget", async () => {
    const [choice] = (await complete({ model: "abacus:maximize", max_evaluated_tokens: 9 })).choices;
    expect(choice!.maximize).toMatchObject({ budget_exhausted: true, evaluated_tokens: 9 });
  });
});

describe("what would be ignored", () => {
  it.each([
    [{ sampler: "smc", mcmc_steps: 4 }, "mcmc_steps", /sampler 'smc'.*'power' or 'maximize'/],
    [{ sampler: "smc", block_size: 4 }, "block_size", /sampler 'smc'/],
    [{ sampler: "smc", cut: "entropy" }, "cut", /sampler 'smc'/],
    [{ sampler: "smc", particles: 1 }, "particles", /at least 2.*low_temperature/],
    [{ sampler: "smc", particles: 257 }, "particles", /256/],
    [{ sampler: "smc", top_p: 0.9 }, "top_p", /sampler 'smc'/],
    [{ sampler: "power", particles: 8 }, "particles", /use sampler 'smc'/],
    [{ sampler: "maximize", alpha: 4 }, "alpha", /sampler 'maximize'/],
    [{ sampler: "maximize", kernel: "tempering" }, "kernel", /sampler 'maximize'/],
    [{ sampler: "maximize", particles: 8 }, "particles", /sampler 'maximize'/],
  ])("is refused by name: %j", async (body, param, message) => {
    const error = await refuse(body);
    expect(error).toMatchObject({ status: 400, param });
    expect(error.message).toMatch(message);
  });
});
