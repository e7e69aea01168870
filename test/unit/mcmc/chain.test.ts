import { describe, expect, it } from "vitest";
import { logProbability } from "../../../src/mcmc/completion.ts";
import type { Completion } from "../../../src/mcmc/completion.ts";
import { runToyChain } from "../../support/toy-chain.ts";
import { createToyEngine } from "../../support/toy-engine.ts";
import { createToyModel } from "../../support/toy-model.ts";

describe("the trace of log p", () => {
  it("begins where the completion was last extended, and holds one value for each step since", async () => {
    const model = createToyModel({ seed: 11, vocabularySize: 4, endBias: 1 });
    await using engine = createToyEngine({ model });
    const [steps, blocks] = [4, 6];
    const lengths = new Set<number>();
    for (let seed = 0; seed < 12; seed++) {
      const states: Completion[] = [];
      const { logprobTrace } = await runToyChain(engine, {
        prompt: [0, 1],
        endToken: model.endToken,
        alpha: 2,
        inverseTemperature: 1,
        maxTokens: 2 * blocks,
        blockSize: 2,
        steps,
        seed,
        onState: (state) => states.push(state),
      });
      const stages = Array.from({ length: blocks }, (_, stage) =>
        states.slice(stage * (steps + 1), (stage + 1) * (steps + 1)),
      );
      const extended = stages.findLastIndex(([draft], stage) => draft !== stages[stage - 1]?.at(-1));
      const since = stages.slice(extended).flatMap(([, ...stepped]) => stepped);
      expect(logprobTrace).toEqual(since.map(logProbability));
      lengths.add(since.length);
    }
    // Some were extended early, some late.
    expect(lengths.size).toBeGreaterThan(1);
  });
});
