import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApp } from "../support/embedded.ts";
import { chiSquare, chiSquareTail } from "../support/statistics.ts";

/**
 * The served path: p is enumerated from the server's own log-probs, completions are fetched over HTTP, and their
 * frequencies must be those of p^α.
 */

/** Two worked steps in: what follows is a short answer with a few likely continuations. */
const prompt = [3, 10, 5, 11, 2, 13];
const horizon = 3;

let server: Awaited<ReturnType<typeof createTestApp>>;
/** log p of every completion, by its tokens. */
let p: ReadonlyMap<string, number>;
beforeAll(async () => {
  server = await createTestApp();
  p = await enumerateServed();
});
afterAll(() => server[Symbol.asyncDispose]());

const vocabularySize = 18;
const endToken = 16;

/** log p of every next token, as the server reports it. */
async function nextLogprobs(prefix: readonly number[]): Promise<number[]> {
  const { choices } = await server.complete({
    prompt: prefix,
    max_tokens: 1,
    logprobs: vocabularySize,
    return_tokens_as_token_ids: true,
    seed: 0,
  });
  const top = choices[0]!.logprobs!.top_logprobs[0]!;
  return Array.from({ length: vocabularySize }, (_, id) => top[`token_id:${id}`]!);
}

async function enumerateServed(): Promise<Map<string, number>> {
  const logprobs = new Map<string, number>();
  const visit = async (tokens: readonly number[], logprob: number): Promise<void> => {
    if (tokens.length === horizon || tokens.at(-1) === endToken) {
      logprobs.set(tokens.join(), logprob);
      return;
    }
    // Branches of no weight would only cost requests.
    if (logprob < -25) return;
    for (const [id, next] of (await nextLogprobs([...prompt, ...tokens])).entries()) {
      await visit([...tokens, id], logprob + next);
    }
  };
  await visit([], 0);
  return logprobs;
}

/** How often each completion was fetched, in the order of `p`. */
async function countServed(body: object): Promise<number[]> {
  const index = new Map([...p.keys()].map((key, position) => [key, position]));
  const counts = new Array<number>(p.size).fill(0);
  for (let seed = 0; seed < 16; seed++) {
    const asked = { prompt, max_tokens: horizon, n: 128, seed, return_token_ids: true };
    for (const { token_ids } of (await server.complete({ ...asked, ...body })).choices) {
      const position = index.get(token_ids!.join());
      if (position !== undefined) counts[position]!++;
    }
  }
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(16 * 128 - 5);
  return counts;
}

/** p^alpha over the completions of `p`. */
function target(alpha: number): number[] {
  const weights = [...p.values()].map((logprob) => Math.exp(alpha * logprob));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

const significance = 0.001;

describe("completions fetched over HTTP", () => {
  it.each([
    { alpha: 1, proposal_temperature: 1, block_size: 1 },
    { alpha: 2, proposal_temperature: 0.5, block_size: 1 },
    { alpha: 2, proposal_temperature: 1, block_size: 1 },
    { alpha: 2, proposal_temperature: 0.5, warm_up_particles: 4 },
  ])("of a chain match the enumerated p^alpha: %j", async (chain) => {
    const counts = await countServed({ sampler: "power", mcmc_steps: 20, ...chain });
    expect(chiSquare(counts, target(chain.alpha)).pValue).toBeGreaterThan(significance);
    // The test has teeth: the same counts do not fit another exponent.
    expect(chiSquare(counts, target(1.3 * chain.alpha)).pValue).toBeLessThan(significance);
  });

  it.each([{ alpha: 1.5 }, { alpha: 2 }, { alpha: 2, isolated: true }])(
    "of exact draws match the enumerated p^alpha: %j",
    async (exact) => {
      const counts = await countServed({ sampler: "exact", ...exact });
      expect(chiSquare(counts, target(exact.alpha)).pValue).toBeGreaterThan(significance);
      expect(chiSquare(counts, target(1.3 * exact.alpha)).pValue).toBeLessThan(significance);
    },
  );

  it("come as often by exact draws as by chains", async () => {
    const exact = await countServed({ sampler: "exact", alpha: 2 });
    const chain = await countServed({ sampler: "power", alpha: 2, mcmc_steps: 20, block_size: 1 });
    expect(sameLaw(exact, chain)).toBeGreaterThan(significance);
    expect(sameLaw(exact, await countServed({ sampler: "low_temperature", alpha: 2 }))).toBeLessThan(
      significance,
    );
  });

  it("do not match it where every try is accepted: that is low temperature at 1/alpha", async () => {
    const counts = await countServed({ sampler: "low_temperature", alpha: 2 });
    expect(chiSquare(counts, target(2)).pValue).toBeLessThan(significance);
  });
});

/** p-value of two lists of counts having one law. */
function sameLaw(one: readonly number[], other: readonly number[]): number {
  const both = one.map((count, index) => count + other[index]!);
  const total = both.reduce((sum, count) => sum + count, 0);
  // The test of homogeneity: two samples of one size against what both say together.
  const pooled = both.map((count) => count / total);
  const [left, right] = [chiSquare(one, pooled), chiSquare(other, pooled)];
  return chiSquareTail(left.statistic + right.statistic, left.freedom);
}
