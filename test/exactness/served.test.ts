import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApp } from "../support/embedded.ts";
import { chiSquare } from "../support/statistics.ts";

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

describe("completions fetched over HTTP", () => {
  for (const { alpha, proposal_temperature, ...warmUp } of [
    { alpha: 1, proposal_temperature: 1, block_size: 1 },
    { alpha: 2, proposal_temperature: 0.5, block_size: 1 },
    { alpha: 2, proposal_temperature: 1, block_size: 1 },
    { alpha: 2, proposal_temperature: 0.5, warm_up_particles: 4 },
  ]) {
    const named = JSON.stringify(warmUp);
    it(`match the enumerated p^${alpha}, proposals at temperature ${proposal_temperature}, ${named}`, async () => {
      const weights = [...p.values()].map((logprob) => Math.exp(alpha * logprob));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const index = new Map([...p.keys()].map((key, position) => [key, position]));
      const counts = new Array<number>(p.size).fill(0);
      for (let seed = 0; seed < 16; seed++) {
        const { choices } = await server.complete({
          prompt,
          sampler: "power",
          alpha,
          proposal_temperature,
          max_tokens: horizon,
          ...warmUp,
          mcmc_steps: 20,
          n: 128,
          seed,
          return_token_ids: true,
        });
        for (const { token_ids } of choices) {
          const position = index.get(token_ids!.join());
          if (position !== undefined) counts[position]!++;
        }
      }
      expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(16 * 128 - 5);
      const { pValue } = chiSquare(
        counts,
        weights.map((weight) => weight / total),
      );
      expect(pValue).toBeGreaterThan(0.001);
      // The test has teeth: the same counts do not fit another exponent.
      const other = weights.map((weight) => weight ** 1.3);
      const otherTotal = other.reduce((sum, weight) => sum + weight, 0);
      expect(
        chiSquare(
          counts,
          other.map((weight) => weight / otherTotal),
        ).pValue,
      ).toBeLessThan(0.001);
    });
  }
});
