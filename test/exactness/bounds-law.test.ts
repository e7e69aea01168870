import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DrawCost } from "../../src/core/draw-cost.ts";
import { MemoEngine } from "../../src/engine/memo/memo-engine.ts";
import { MemoStore } from "../../src/engine/memo/memo-store.ts";
import type { ExtendRequest } from "../../src/engine/engine.ts";
import { BoundedEngine } from "../support/bounded-engine.ts";
import { chiSquare } from "../support/statistics.ts";
import { runToyChain } from "../support/toy-chain.ts";
import type { ChainRun } from "../support/toy-chain.ts";
import { createToyEngine, never } from "../support/toy-engine.ts";
import { createToyModel, enumerate, logSoftmax, powerDistribution } from "../support/toy-model.ts";

const prompt = [0, 1];

const kernels = {
  single_try: {},
  multiple_try: { kernel: { name: "multiple_try", tries: 3 } },
  tempering: { kernel: { name: "tempering", replicas: 3 } },
  particles: { warmUp: { name: "particles", particles: 3 } },
} as const;

const runs = fc.record({
  kernel: fc.constantFrom(...(Object.keys(kernels) as (keyof typeof kernels)[])),
  seed: fc.nat(1_000_000),
  model: fc.record({
    seed: fc.nat(1000),
    vocabularySize: fc.integer({ min: 5, max: 40 }),
    endBias: fc.constantFrom(-3, 0),
  }),
  known: fc.integer({ min: 1, max: 4 }),
  law: fc.constantFrom([2, 2], [4, 4], [4, 2], [2, 1.5], [4, 1]),
  maxTokens: fc.integer({ min: 1, max: 10 }),
  blockSize: fc.integer({ min: 2, max: 5 }),
  steps: fc.integer({ min: 1, max: 8 }),
  earlyRejection: fc.boolean(),
  hasMemo: fc.boolean(),
});

describe("chains on an engine that knows log Z within bounds", () => {
  it("are those on one that knows it, token for token, where it can tell more", async () => {
    let narrowings = 0;
    await fc.assert(
      fc.asyncProperty(runs, async ({ model: toy, law, kernel, known, hasMemo, ...rest }) => {
        const model = createToyModel(toy);
        const [alpha, inverseTemperature] = law as [number, number];
        const run = (): ChainRun => ({
          prompt,
          endToken: model.endToken,
          alpha,
          inverseTemperature,
          ...kernels[kernel],
          ...rest,
          memo: hasMemo ? new MemoStore(1_000_000) : undefined,
        });
        await using engine = createToyEngine({ model, lanes: 4 });
        const bounded = new BoundedEngine(engine, { known, told: toy.vocabularySize, isCoupled: true });
        const statesOn = async (one: typeof engine | typeof bounded) => {
          const states: string[] = [];
          const { diagnostics } = await runToyChain(one, {
            ...run(),
            onState: (state) => states.push(state.map(({ token }) => token).join()),
          });
          return { states, diagnostics };
        };
        // Particles weigh what they draft by upper bounds: the draft may be another one, which is no matter of the law.
        if (kernel !== "particles") {
          const exact = await statesOn(engine);
          const { states, diagnostics } = await statesOn(bounded);
          expect(states).toEqual(exact.states);
          expect(diagnostics.undecidedSteps).toBe(0);
        } else {
          expect((await statesOn(bounded)).diagnostics.undecidedSteps).toBe(0);
        }
        narrowings += bounded.narrowings;
      }),
      { numRuns: 150, seed: 31 },
    );
    expect(narrowings).toBeGreaterThan(100);
  });

  it("say how many steps were left undecided, and by how much, where it cannot", async () => {
    const model = createToyModel({ seed: 3, vocabularySize: 12, endBias: -3 });
    await using engine = createToyEngine({ model });
    const run: ChainRun = {
      prompt,
      endToken: model.endToken,
      alpha: 2,
      inverseTemperature: 2,
      maxTokens: 6,
      blockSize: 6,
      steps: 400,
      seed: 1,
    };
    const coarse = await runToyChain(new BoundedEngine(engine, { known: 2 }), run);
    const fine = await runToyChain(new BoundedEngine(engine, { known: 9 }), run);
    expect(coarse.diagnostics.undecidedSteps).toBeGreaterThan(20);
    expect(coarse.diagnostics.undecidedWidth).toBeGreaterThan(0);
    expect(fine.diagnostics.undecidedSteps).toBeLessThan(coarse.diagnostics.undecidedSteps / 3);
  });

  it.each([
    ["uniform", false],
    ["uniform", true],
    ["entropy", true],
  ] as const)("visit completions as often as p^alpha says: cut %s, memo %s", async (cut, hasMemo) => {
    const model = createToyModel({ seed: 11, vocabularySize: 5, endBias: 0.5 });
    await using engine = createToyEngine({ model });
    const completions = enumerate(model, prompt, 3);
    const index = new Map(completions.map(({ tokens }, position) => [tokens.join(), position]));
    const counts = new Array<number>(completions.length).fill(0);
    let seen = 0;
    const { diagnostics } = await runToyChain(new BoundedEngine(engine, { known: 2, told: 5 }), {
      prompt,
      endToken: model.endToken,
      alpha: 2,
      inverseTemperature: 2,
      maxTokens: 3,
      blockSize: 3,
      steps: 24_000,
      seed: 5,
      cut,
      memo: hasMemo ? new MemoStore(1_000_000) : undefined,
      // Neighbouring states are correlated; the chi-square test wants independent ones.
      onState: (state) => {
        if (seen++ % 8 === 0) counts[index.get(state.map(({ token }) => token).join())!]!++;
      },
    });
    expect(diagnostics.undecidedSteps).toBe(0);
    expect(chiSquare(counts, powerDistribution(completions, 2)).pValue).toBeGreaterThan(0.001);
  });
});

describe("a memo before such an engine", () => {
  it.each([
    [2, 1],
    [2, 2],
    [1, 2],
    [2, 4],
    [3, 0.5],
  ])("draws the law from the %d likeliest, at 1/temperature %d", async (known, inverseTemperature) => {
    const model = createToyModel({ seed: 8, vocabularySize: 7, endBias: -9 });
    await using engine = createToyEngine({ model });
    const memo = new MemoEngine(new BoundedEngine(engine, { known, told: 7, isAtOnce: true }));
    const lawAfter = (prefix: readonly number[]): number[] => {
      const weights = logSoftmax(model.logits(prefix)).map((log) => Math.exp(inverseTemperature * log));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return weights.map((weight) => weight / total);
    };
    const law = lawAfter(prompt).flatMap((first, token) =>
      lawAfter([...prompt, token]).map((second) => first * second),
    );
    const counts = new Array<number>(49).fill(0);
    const cost = { evaluatedTokens: 0, undecidedWidth: 0 };
    for (let step = 0; step < 6000; step++) {
      const request: ExtendRequest = {
        prefix: prompt,
        maxTokens: 2,
        endTokens: new Set(),
        sampling: { inverseTemperature },
        draws: { seed: 3, choice: 0, stage: 0, step },
        topCount: 0,
        cost,
      };
      const drawn: number[] = [];
      for await (const run of memo.extend(request, never)) drawn.push(...run.map(({ token }) => token));
      counts[7 * drawn[0]! + drawn[1]!]!++;
    }
    expect(chiSquare(counts, law).pValue).toBeGreaterThan(0.001);
    expect(cost.undecidedWidth).toBe(0);
  });

  it("says once of each draw that log Z left open how far it did", async () => {
    await using engine = createToyEngine({
      model: createToyModel({ seed: 8, vocabularySize: 7, endBias: -9 }),
    });
    const memo = new MemoEngine(new BoundedEngine(engine, { known: 2 }));
    const open = { among: 0, beyond: 0 };
    for (let step = 0; step < 400; step++) {
      const cost: DrawCost = { evaluatedTokens: 0 };
      const request: ExtendRequest = {
        prefix: prompt,
        maxTokens: 1,
        endTokens: new Set(),
        sampling: { inverseTemperature: 2 },
        draws: { seed: 3, choice: 0, stage: 0, step },
        topCount: 2,
        cost,
      };
      for await (const [token] of memo.extend(request, never)) {
        if (cost.undecidedWidth === undefined) continue;
        expect(cost.undecidedWidth).toBe(token!.logNormalizerGap);
        open[token!.top!.ids.includes(token!.token) ? "among" : "beyond"]++;
      }
    }
    expect(open.beyond).toBeGreaterThan(5);
  });
});
