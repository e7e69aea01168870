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

  it("warns of chains that disagree", async () => {
    const { mixing } = await complete({ n: 4, mcmc_steps: 2, seed: 4 });
    expect(mixing![0]!.split_r_hat ?? Infinity).toBeGreaterThan(1.1);
    expect(mixing![0]!.warning).toMatch(/disagree/);
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
