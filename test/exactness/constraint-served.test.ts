import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApp } from "../support/embedded.ts";
import { chiSquare } from "../support/statistics.ts";

/**
 * The served path under a constraint: answers of the embedded model that a regular expression allows are enumerated
 * with the server's own log-probs, fetched over HTTP, and counted.
 */

const prompt = "7-2*3+4=";
/** Answers that the model thinks of, and one whose beginning it likes and whose end it would never say. */
const pattern = "#(5|10?|9)|29";
const texts = ["#5", "#1", "#9", "#10", "29"];
const horizon = 4;
const endName = "<eos>";

let server: Awaited<ReturnType<typeof createTestApp>>;
/** log p of each answer with its end, and log of what masking leaves of it: Σ log (p_t / Z_t). */
let answers: readonly { readonly logprob: number; readonly masked: number }[];
beforeAll(async () => {
  server = await createTestApp();
  answers = await Promise.all(texts.map(scoreOf));
});
afterAll(() => server[Symbol.asyncDispose]());

/** One way to each text: tokens are characters. */
async function scoreOf(text: string) {
  const { choices } = await server.complete({
    prompt,
    max_tokens: horizon,
    sampler: "standard",
    guided_choice: [text],
    logprobs: 0,
  });
  const logprobs = choices[0]!.logprobs!.token_logprobs.map((logprob) => logprob!);
  const sampled = await Promise.all(
    Array.from({ length: text.length + 1 }, (_, length) => maskAfter(text.slice(0, length))),
  );
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  expect(choices[0]!.text).toBe(text);
  return { logprob: sum(logprobs), masked: sum(logprobs) - sum(sampled) };
}

/** log of the mass of the tokens that may follow a beginning. */
async function maskAfter(begun: string): Promise<number> {
  const going = texts.filter((text) => text.startsWith(begun));
  const rest = new Set(going.map((text) => text[begun.length] ?? endName));
  const { choices } = await server.complete({
    prompt: prompt + begun,
    max_tokens: 1,
    logprobs: 18,
    sampler: "standard",
  });
  const top = choices[0]!.logprobs!.top_logprobs[0]!;
  let mass = 0;
  for (const [name, logprob] of Object.entries(top)) if (rest.has(name)) mass += Math.exp(logprob);
  return Math.log(mass);
}

const normalized = (logs: readonly number[]): number[] => {
  const total = logs.reduce((sum, log) => sum + Math.exp(log), 0);
  return logs.map((log) => Math.exp(log) / total);
};
const powerLaw = (alpha: number): number[] => normalized(answers.map(({ logprob }) => alpha * logprob));

async function count(body: object): Promise<number[]> {
  const counts = texts.map(() => 0);
  for (let seed = 0; seed < 8; seed++) {
    const asked = { prompt, max_tokens: horizon, n: 128, seed, structured_outputs: { regex: pattern } };
    for (const { text, finish_reason } of (await server.complete({ ...asked, ...body })).choices) {
      expect(texts).toContain(text);
      expect(finish_reason).toBe("stop");
      counts[texts.indexOf(text)]!++;
    }
  }
  return counts;
}

const significance = 0.001;
const fits = (counts: readonly number[], law: readonly number[]): boolean =>
  chiSquare(counts, law).pValue > significance;
const distance = (one: readonly number[], other: readonly number[]): number =>
  one.reduce((sum, mass, index) => sum + Math.abs(mass - other[index]!), 0) / 2;

describe("answers that are held to a regular expression", () => {
  it("are far from the model's own law where each token is drawn from what is permitted", async () => {
    const masked = normalized(answers.map((answer) => answer.masked));
    expect(answers.reduce((sum, answer) => sum + Math.exp(answer.masked), 0)).toBeCloseTo(1, 6);
    expect(distance(masked, powerLaw(1))).toBeGreaterThan(0.4);
    const counts = await count({ sampler: "standard" });
    expect(fits(counts, masked)).toBe(true);
    expect(fits(counts, powerLaw(1))).toBe(false);
  });

  it.each([
    { sampler: "power", alpha: 1, mcmc_steps: 40, block_size: horizon, warm_up: "blocks" },
    { sampler: "power", alpha: 1, mcmc_steps: 20, block_size: 2, warm_up: "blocks" },
    { sampler: "power", alpha: 1, kernel: "multiple_try", tries: 3, mcmc_steps: 20, warm_up: "blocks" },
    { sampler: "power", alpha: 1.5, kernel: "tempering", replicas: 2, mcmc_steps: 30, warm_up: "blocks" },
    { sampler: "power", alpha: 1.5, mcmc_steps: 40, cut: "entropy", warm_up: "blocks" },
    { sampler: "power", alpha: 1.5, mcmc_steps: 40, warm_up_particles: 4 },
    { sampler: "exact", alpha: 1 },
    { sampler: "exact", alpha: 1.5, isolated: true },
    { sampler: "smc", alpha: 1.5, particles: 64 },
  ])("come from p^alpha restricted to what is allowed: %j", async (body) => {
    const counts = await count(body);
    expect(fits(counts, powerLaw(body.alpha))).toBe(true);
    expect(fits(counts, powerLaw(body.alpha + 2))).toBe(false);
  });
});
