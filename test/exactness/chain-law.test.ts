import { describe, expect, it } from "vitest";
import { createToyEngine, never } from "../support/toy-engine.ts";
import { runToyChain } from "../support/toy-chain.ts";
import { createToyModel, enumerate, powerDistribution } from "../support/toy-model.ts";
import { chiSquare } from "../support/statistics.ts";

const prompt = [0, 1];

describe("the chain", () => {
  for (const [alpha, inverseTemperature] of [
    [2, 2],
    [4, 4],
    [4, 1],
  ] as const) {
    it(`visits completions as often as p^${alpha} says, proposals at 1/τ = ${inverseTemperature}`, async () => {
      const model = createToyModel({ seed: 11, vocabularySize: 3, endBias: 0.5 });
      await using engine = createToyEngine({ model });
      const completions = enumerate(model, prompt, 3);
      const index = new Map(completions.map(({ tokens }, position) => [tokens.join(), position]));
      const counts = new Array<number>(completions.length).fill(0);
      const thinning = 8;
      let seen = 0;
      await runToyChain(engine, {
        prompt,
        endToken: model.endToken,
        alpha,
        inverseTemperature,
        maxTokens: 3,
        blockSize: 3,
        steps: 24_000,
        seed: 5,
        onState: (state) => {
          // Neighbouring states are correlated; the chi-square test wants independent ones.
          if (seen++ % thinning === 0) counts[index.get(state.map(({ token }) => token).join())!]!++;
        },
      });
      expect(chiSquare(counts, powerDistribution(completions, alpha)).pValue).toBeGreaterThan(0.001);
    });
  }

  it("is plain sampling at alpha 1, temperature 1, one stage and no steps", async () => {
    const model = createToyModel({ seed: 4, vocabularySize: 5, endBias: -1 });
    await using engine = createToyEngine({ model });
    for (let seed = 0; seed < 50; seed++) {
      const { state } = await runToyChain(engine, {
        prompt,
        endToken: model.endToken,
        alpha: 1,
        inverseTemperature: 1,
        maxTokens: 12,
        blockSize: 12,
        steps: 0,
        seed,
      });
      const plain: number[] = [];
      const extension = engine.extend(
        {
          prefix: prompt,
          maxTokens: 12,
          endTokens: new Set([model.endToken]),
          sampling: { inverseTemperature: 1 },
          draws: { seed, choice: 0, stage: 0, step: 0 },
          topCount: 0,
        },
        never,
      );
      for await (const run of extension) plain.push(...run.map(({ token }) => token));
      expect(state.map(({ token }) => token)).toEqual(plain);
    }
  });

  it("draws plain samples with the frequencies of p", async () => {
    const model = createToyModel({ seed: 6, vocabularySize: 3 });
    await using engine = createToyEngine({ model });
    const completions = enumerate(model, prompt, 3);
    const counts = new Array<number>(completions.length).fill(0);
    for (let seed = 0; seed < 3000; seed++) {
      const { state } = await runToyChain(engine, {
        prompt,
        endToken: model.endToken,
        alpha: 1,
        inverseTemperature: 1,
        maxTokens: 3,
        blockSize: 3,
        steps: 0,
        seed,
      });
      const text = state.map(({ token }) => token).join();
      counts[completions.findIndex(({ tokens }) => tokens.join() === text)]!++;
    }
    expect(chiSquare(counts, powerDistribution(completions, 1)).pValue).toBeGreaterThan(0.001);
  });
});
