import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApp } from "../support/embedded.ts";

/** The stress test of mixing: a model whose likelier first token is wrong, and hard to leave once taken. */

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp({ engine: { model: "models/pivot" } });
});
afterAll(() => server[Symbol.asyncDispose]());

const prompts = ["482913=", "007351=", "926480=", "135792=", "650217=", "318846="];
const n = 8;
const chains = prompts.length * n;

interface Measured {
  readonly unmixed: number;
  readonly guesses: number;
  readonly evaluations: number;
  readonly warned: number;
}

async function measure(body: object): Promise<Measured> {
  const asked = { prompt: prompts, n, sampler: "power", seed: 2, isolated: true, ...body };
  const { choices, mixing } = await server.complete(asked);
  return {
    unmixed: choices.filter(({ power }) => power!.mixing_warning !== null).length,
    guesses: choices.filter(({ text }) => text.startsWith("#")).length,
    evaluations: choices.reduce((sum, { power }) => sum + power!.evaluated_tokens, 0) / chains,
    warned: mixing!.filter(({ warning }) => warning !== null).length,
  };
}

describe("on the model pivot", () => {
  it("default chains are stuck in guesses, and their reports say so", async () => {
    const { unmixed, guesses, warned } = await measure({});
    expect(guesses).toBeGreaterThan(chains / 2);
    expect(unmixed).toBeGreaterThan(chains / 2);
    expect(warned).toBe(prompts.length);
  });

  it("chains that cut by entropy and propose at T = 1 mix at no more evaluations, and leave guesses behind", async () => {
    const slow = await measure({ mcmc_steps: 40 });
    const mixing = await measure({ cut: "entropy", proposal_temperature: 1, mcmc_steps: 2 });
    expect(mixing.evaluations).toBeLessThan(slow.evaluations);
    expect(mixing.unmixed).toBeLessThan(slow.unmixed / 4);
    expect(mixing.guesses).toBeLessThan(slow.guesses / 2);
  });

  it("well mixed chains have few warnings, of each alone and of those of a prompt", async () => {
    for (const body of [
      { cut: "entropy", proposal_temperature: 1, mcmc_steps: 40 },
      { kernel: "tempering", mcmc_steps: 10 },
      { alpha: 1, proposal_temperature: 1, mcmc_steps: 4 },
    ]) {
      const { unmixed, warned } = await measure(body);
      expect(unmixed).toBeLessThanOrEqual(chains / 20);
      expect(warned).toBeLessThanOrEqual(1);
    }
  });
});
