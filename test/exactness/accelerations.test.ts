import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoStore } from "../../src/engine/memo/memo-store.ts";
import { isWorthItsRows } from "../../src/mcmc/prefetch-policy.ts";
import type { PrefetchPolicy } from "../../src/mcmc/prefetch-policy.ts";
import { runToyChain } from "../support/toy-chain.ts";
import type { ChainRun } from "../support/toy-chain.ts";
import { createToyEngine } from "../support/toy-engine.ts";
import { createToyModel } from "../support/toy-model.ts";

const kernels = {
  single_try: { cut: "uniform" },
  entropy_cut: { cut: "entropy" },
  multiple_try: { cut: "entropy", kernel: { name: "multiple_try", tries: 3 } },
  tempering: { kernel: { name: "tempering", replicas: 3 } },
  particles: { warmUp: { name: "particles", particles: 4 } },
  tempered_particles: {
    warmUp: { name: "particles", particles: 2 },
    kernel: { name: "tempering", replicas: 2 },
  },
} as const;

const openMemo = (isOn: boolean) => (isOn ? new MemoStore(1_000_000) : undefined);

const runs = fc.record({
  kernel: fc.constantFrom(...(Object.keys(kernels) as (keyof typeof kernels)[])),
  model: fc.record({
    seed: fc.nat(1000),
    vocabularySize: fc.integer({ min: 3, max: 90 }),
    endBias: fc.constantFrom(-3, 0, 2),
  }),
  law: fc.constantFrom([1, 1], [2, 2], [4, 4], [4, 2], [4, 1], [2, 0.5]),
  maxTokens: fc.integer({ min: 1, max: 14 }),
  blockSize: fc.integer({ min: 1, max: 5 }),
  steps: fc.integer({ min: 0, max: 6 }),
  schedule: fc.constantFrom("full" as const, "until_finished" as const),
  seed: fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 }),
});

describe("accelerations", () => {
  it("leave the chain as it is, token for token, and what is told of it", async () => {
    await fc.assert(
      fc.asyncProperty(runs, async ({ model: toy, law, kernel, ...rest }) => {
        const model = createToyModel(toy);
        const [alpha, inverseTemperature] = law as [number, number];
        const run: ChainRun = {
          prompt: [0, 1, 0],
          endToken: model.endToken,
          alpha,
          inverseTemperature,
          ...kernels[kernel],
          ...rest,
        };
        const chains = await Promise.all(
          [
            { earlyRejection: false, memo: false, store: 0, lanes: 1 },
            { earlyRejection: true, memo: false, store: 4096, lanes: 1 },
            { earlyRejection: false, memo: true, store: 30, lanes: 3 },
            { earlyRejection: true, memo: true, store: 4096, lanes: 2 },
            { earlyRejection: true, memo: false, store: 4096, lanes: 5, ahead: 5 },
            { earlyRejection: false, memo: true, store: 30, lanes: 2, ahead: 3 },
          ].map(async ({ earlyRejection, memo, store, lanes, ahead = 1 }) => {
            const bare = createToyEngine({ model, lanes, scheduler: { prefixStoreBytes: store } });
            await using engine = bare;
            const states: string[] = [];
            const { diagnostics } = await runToyChain(engine, {
              ...run,
              memo: openMemo(memo),
              earlyRejection,
              prefetch: ({ count }) => count < ahead,
              onState: (state) =>
                states.push(state.map(({ token, logprob }) => `${token}:${logprob}`).join()),
            });
            expect(engine.health().details).toMatchObject({ lanes: { leased: 0 }, sequences: { open: 0 } });
            return { states, diagnostics, earlyRejection, evaluated: engine.health().evaluatedTokens };
          }),
        );
        const [plain, ...others] = chains;
        for (const other of others) expect(other.states).toEqual(plain!.states);
        // What is reported does not depend on what was remembered, either.
        for (const isEarly of [false, true]) {
          const alike = chains.filter(({ earlyRejection }) => earlyRejection === isEarly);
          for (const { diagnostics } of alike) expect(diagnostics).toEqual(alike[0]!.diagnostics);
        }
        // Side by side, tries and replicas may run the same prompt on two lanes at once.
        const isAlone = kernel === "single_try" || kernel === "entropy_cut";
        if (isAlone) expect(chains[3]!.evaluated).toBeLessThanOrEqual(plain!.evaluated);
      }),
      { numRuns: 130, seed: 20 },
    );
  });

  it("save model evaluations", async () => {
    const model = createToyModel({ seed: 8, vocabularySize: 6, scale: 8 });
    const evaluated = async (memo: boolean, earlyRejection: boolean): Promise<number> => {
      await using engine = createToyEngine({ model });
      await runToyChain(engine, {
        memo: openMemo(memo),
        prompt: [0],
        endToken: model.endToken,
        alpha: 4,
        inverseTemperature: 2,
        maxTokens: 16,
        blockSize: 4,
        steps: 10,
        seed: 3,
        earlyRejection,
      });
      return engine.health().evaluatedTokens;
    };
    const naive = await evaluated(false, false);
    expect(await evaluated(false, true)).toBeLessThan(naive);
    expect(await evaluated(true, false)).toBeLessThan(naive / 2);
    expect(await evaluated(true, true)).toBeLessThan(naive / 2);
  });
});

describe("prefetching", () => {
  /** Most proposals are rejected: a flat model, a sharp target, proposals of the model itself. */
  const flat = createToyModel({ seed: 12, vocabularySize: 9, endBias: -20 });
  const run: ChainRun = {
    prompt: [0, 1],
    endToken: flat.endToken,
    alpha: 4,
    inverseTemperature: 1,
    maxTokens: 12,
    blockSize: 12,
    steps: 60,
    seed: 5,
  };
  const passesWith = async (changes: Partial<ChainRun>, lanes = 8) => {
    await using engine = createToyEngine({ model: flat, lanes });
    const { state } = await runToyChain(engine, { ...run, ...changes });
    const { passes } = engine.health().details;
    return { tokens: state.map(({ token }) => token), passes };
  };
  const atAnyPrice =
    (lanes: number): PrefetchPolicy =>
    (underWay) =>
      isWorthItsRows(underWay, { lanes, others: 0, passMs: () => 1, aloneGain: 1 }, 1);

  it("settles the same chain in fewer passes where most proposals are rejected", async () => {
    const plain = await passesWith({});
    const ahead = await passesWith({ prefetch: atAnyPrice(8) });
    expect(ahead.tokens).toEqual(plain.tokens);
    expect(ahead.passes).toBeLessThan(plain.passes / 2);
  });

  it("calls off what was begun when the chain is left", async () => {
    await using engine = createToyEngine({ model: flat, lanes: 8 });
    let states = 0;
    const leave = (): void => {
      if (++states === 10) throw new Error("left");
    };
    const left = runToyChain(engine, { ...run, prefetch: atAnyPrice(8), onState: leave });
    await expect(left).rejects.toThrow("left");
    expect(engine.health().details).toMatchObject({ lanes: { leased: 0 }, sequences: { open: 0 } });
  });

  it("fails as the step fails whose turn it is, and leaves nothing behind", async () => {
    let passes = 0;
    const onStep = (): void => {
      if (++passes > 40) throw new Error("device lost");
    };
    await using engine = createToyEngine({ model: flat, lanes: 8, onStep });
    const failing = runToyChain(engine, { ...run, prefetch: atAnyPrice(8) });
    await expect(failing).rejects.toMatchObject({ code: "engine_failed" });
    expect(engine.health().details.sequences.open).toBe(0);
  });

  it("is off where it does not pay: a full engine, a chain that moves, one that is remembered, rows as dear as passes", () => {
    const underWay = { count: 1, useful: 1, survival: 0.9, waiting: 1 };
    const idle = { lanes: 8, others: 0, passMs: (rows: number) => 1 + 0.1 * rows, aloneGain: 1 };
    expect(isWorthItsRows(underWay, idle, 1)).toBe(true);
    expect(isWorthItsRows(underWay, { ...idle, others: 7 }, 1)).toBe(false);
    expect(isWorthItsRows(underWay, { ...idle, lanes: 2 }, 2)).toBe(false);
    expect(isWorthItsRows({ ...underWay, survival: 0.05 }, idle, 1)).toBe(false);
    expect(isWorthItsRows({ ...underWay, waiting: 0.001 }, idle, 1)).toBe(false);
    expect(isWorthItsRows(underWay, { ...idle, passMs: (rows) => rows }, 1)).toBe(false);
    expect(isWorthItsRows(underWay, { ...idle, passMs: () => 0 }, 1)).toBe(false);
    // A lone row that settles several tokens a pass is left alone; where there are others, none does.
    expect(isWorthItsRows(underWay, { ...idle, aloneGain: 1.5 }, 1)).toBe(true);
    expect(isWorthItsRows(underWay, { ...idle, aloneGain: 2.5 }, 1)).toBe(false);
    expect(isWorthItsRows(underWay, { ...idle, others: 1, aloneGain: 2.5 }, 1)).toBe(true);
  });
});

describe("batching", () => {
  it("gives each of many concurrent chains what it gives it alone, whatever the lanes and chunks", async () => {
    const model = createToyModel({ seed: 21, vocabularySize: 7, endBias: -1 });
    const chainOf = (seed: number): ChainRun => ({
      prompt: Array.from({ length: 1 + (seed % 20) }, (_, index) => (index * 3 + seed) % 6),
      endToken: model.endToken,
      alpha: 4,
      inverseTemperature: 2,
      maxTokens: 10,
      blockSize: 3,
      steps: 4,
      seed,
    });
    const tokensOf = async (engine: ReturnType<typeof createToyEngine>, seed: number): Promise<string> =>
      (await runToyChain(engine, chainOf(seed))).state.map(({ token }) => token).join();

    const seeds = Array.from({ length: 24 }, (_, seed) => seed);
    await using alone = createToyEngine({
      model,
      lanes: 1,
      scheduler: { prefillChunk: 64, prefixStoreBytes: 0 },
    });
    const expected: string[] = [];
    for (const seed of seeds) expected.push(await tokensOf(alone, seed));
    for (const { lanes, prefillChunk, prefixStoreBytes } of [
      { lanes: 4, prefillChunk: 2, prefixStoreBytes: 64 },
      { lanes: 32, prefillChunk: 8, prefixStoreBytes: 100_000 },
    ]) {
      await using engine = createToyEngine({ model, lanes, scheduler: { prefillChunk, prefixStoreBytes } });
      expect(await Promise.all(seeds.map((seed) => tokensOf(engine, seed)))).toEqual(expected);
      expect(engine.health().details.lanes.leased).toBe(0);
    }
  });
});
