import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp({ engine: { deterministic: true } });
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";

const complete = (body: object) => server.complete({ prompt, sampler: "power", seed: 1, ...body });

describe("mixing in an answer", () => {
  it("says of each chain whether it moved its first token, and warns in words when it did not", async () => {
    // Sharp proposals hardly ever leave a likely beginning.
    const { choices, mixing } = await complete({ n: 8, proposal_temperature: 0.1, mcmc_steps: 1 });
    const unmixed = choices.filter(({ power }) => power!.mixing_warning !== null);
    expect(unmixed.length).toBeGreaterThanOrEqual(4);
    for (const { power } of choices) {
      expect(power!.first_token_change_share).toBe(power!.first_token_changes / power!.steps);
      expect(power!.first_token_changes).toBeLessThanOrEqual(power!.first_token_proposals);
      expect(power!.first_token_entropy).toBeGreaterThan(0.5);
    }
    expect(unmixed[0]!.power!.mixing_warning).toMatch(/unmixed.*proposal_temperature/);
    expect(mixing).toMatchObject([{ prompt: 0, chains: 8, unmixed_chains: unmixed.length }]);
    expect(mixing![0]!.warning).toMatch(new RegExp(`${unmixed.length} of 8 chains read as unmixed`));
  });

  it("has no warning where chains move", async () => {
    const { choices, mixing } = await complete({ n: 4, cut: "entropy", proposal_temperature: 1 });
    expect(choices.map(({ power }) => power!.mixing_warning)).toEqual(new Array(4).fill(null));
    expect(mixing![0]).toMatchObject({ unmixed_chains: 0, warning: null });
    expect(mixing![0]!.split_r_hat).toBeLessThan(1.1);
  });

  it("warns of chains that disagree where some read as unmixed, and of no others", async () => {
    const warnings: string[] = [];
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const { mixing } = await complete({ n: 8, mcmc_steps: 2, seed });
      const { unmixed_chains, split_r_hat, warning } = mixing![0]!;
      if (warning?.includes("disagree") === true) {
        warnings.push(warning);
        expect(unmixed_chains).toBeGreaterThanOrEqual(2);
        expect(split_r_hat ?? Infinity).toBeGreaterThan(1.1);
      }
      if (unmixed_chains < 2) expect(warning).toBeNull();
    }
    expect(warnings.length).toBeGreaterThan(0);
  });

  it.each([
    { mcmc_steps: 0 },
    { mcmc_steps: 0, cut: "entropy", proposal_temperature: 1 },
    { mcmc_steps: 0, kernel: "tempering" },
    { mcmc_steps: 0, kernel: "multiple_try", alpha: 2 },
    { mcmc_steps: 0, alpha: 1, proposal_temperature: 0.5 },
    { mcmc_steps: 0, block_size: 48 },
    { max_evaluated_tokens: 3, block_size: 48 },
  ])("warns of %j, by which nothing could mix, whole, streamed and in chat", async (body) => {
    const { choices, mixing } = await complete({ n: 3, ...body });
    for (const { power } of choices)
      expect(power!.mixing_warning).toMatch(/unmixed: no step was taken on the whole answer.*mcmc_steps/);
    expect(mixing![0]).toMatchObject({
      unmixed_chains: 3,
      warning: expect.stringMatching(/3 of 3/) as unknown,
    });
    const asked = { sampler: "power", seed: 1, n: 3, ...body };
    const streamed = parseEvents(
      (await server.post("/v1/completions", { prompt, ...asked, stream: true })).text,
    ) as unknown as CompletionResponse[];
    const finished = streamed.flatMap((chunk) => chunk.choices).filter(({ power }) => power !== undefined);
    expect(finished.map(({ power }) => power!.mixing_warning)).toEqual(
      choices.map(({ power }) => power!.mixing_warning),
    );
    const messages = [{ role: "user", content: prompt }];
    const chat = (
      await server.post("/v1/chat/completions", { messages, ...asked })
    ).json() as CompletionResponse;
    expect(chat.mixing).toEqual(mixing);
  });

  it.each([
    { mcmc_steps: 0 },
    { mcmc_steps: 1 },
    { mcmc_steps: 10 },
    { mcmc_steps: 10, cut: "entropy" },
    { mcmc_steps: 4, kernel: "multiple_try" },
    { mcmc_steps: 4, kernel: "tempering" },
    { mcmc_steps: 4, schedule: "until_finished" },
  ])("never warns at alpha 1 with proposals at temperature 1, every draw being exact: %j", async (body) => {
    for (const seed of [1, 2, 3, 4]) {
      const { choices, mixing } = await complete({ alpha: 1, proposal_temperature: 1, n: 8, ...body, seed });
      expect(choices.map(({ power }) => power!.mixing_warning)).toEqual(new Array(8).fill(null));
      expect(mixing![0]).toMatchObject({ unmixed_chains: 0, warning: null });
    }
  });

  it.each([{ mcmc_steps: 0 }, { mcmc_steps: 3 }, { alpha: 2, mcmc_steps: 0 }, { kernel: "multiple_try" }])(
    "never warns of one token, drawn from its own power: %j",
    async (body) => {
      const { choices, mixing } = await complete({ max_tokens: 1, n: 6, ...body });
      for (const { power } of choices) expect(power!.mixing_warning).toBeNull();
      expect(mixing![0]!.warning).toBeNull();
    },
  );

  it("says which steps counted, and how much they rewrote", async () => {
    const { choices } = await complete({ n: 6, cut: "entropy", proposal_temperature: 1 });
    for (const { power } of choices) {
      expect(power!.last_steps).toBeGreaterThan(0);
      expect(power!.last_steps).toBeLessThanOrEqual(power!.steps);
      expect(power!.rewritten_share).toBeLessThanOrEqual(1);
    }
    expect(Math.max(...choices.map(({ power }) => power!.rewritten_share))).toBeGreaterThan(0.5);
    const [none] = (await complete({ mcmc_steps: 0 })).choices;
    expect(none!.power).toMatchObject({ last_steps: 0, rewritten_share: 0 });
  });

  it("is left out where there is one chain, or none", async () => {
    expect(await complete({})).not.toHaveProperty("mixing");
    expect(await complete({ sampler: "standard", n: 4 })).not.toHaveProperty("mixing");
  });

  it("compares the chains that best_of leaves out too", async () => {
    const { choices, mixing } = await complete({ n: 1, best_of: 4 });
    expect(choices).toHaveLength(1);
    expect(mixing![0]!.chains).toBe(4);
  });

  it.each(["/v1/completions", "/v1/chat/completions"])("is the same whole and streamed: %s", async (url) => {
    const asked = url.includes("chat")
      ? { messages: [{ role: "user", content: prompt }] }
      : { prompt: [prompt, "9-3*2+1="] };
    const body = { ...asked, sampler: "power", seed: 1, n: 3, mcmc_steps: 2 };
    const whole = (await server.post(url, body)).json() as CompletionResponse;
    const chunks = parseEvents(
      (await server.post(url, { ...body, stream: true })).text,
    ) as unknown as CompletionResponse[];
    const streamed = chunks.flatMap(({ mixing }) => mixing ?? []).toSorted((a, b) => a.prompt - b.prompt);
    expect(whole.mixing).toHaveLength(url.includes("chat") ? 1 : 2);
    expect(streamed).toEqual(whole.mixing);
    // It ends with its prompt's last chain, not with a chunk of its own.
    for (const { choices } of chunks) expect(choices).toHaveLength(1);
  });
});
