import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ScoredToken } from "../../src/core/tokens.ts";
import { LocalCompleter } from "../../src/decoder/local-completer.ts";
import { readModelFolder } from "../../src/decoder/model-folder.ts";
import { embeddedModel } from "../../src/assembly/embedded-model.ts";
import type { ExtendRequest } from "../../src/engine/engine.ts";
import { MeteredEngine } from "../../src/engine/metered-engine.ts";
import { MemoStore } from "../../src/engine/memo/memo-store.ts";
import { LocalEngine } from "../../src/engine/local/local-engine.ts";
import { PassTimes } from "../../src/engine/local/pass-times.ts";
import type { Batch } from "../../src/engine/local/runner.ts";
import type { Said } from "../../src/engine/said.ts";
import { SaidStore } from "../../src/engine/speculation/said-store.ts";
import type { SamplerSettings } from "../../src/samplers/registry.ts";
import { answerOf } from "../support/answer.ts";
import { saidAfter, wrongAfter } from "../support/said.ts";
import { runToyChain } from "../support/toy-chain.ts";
import type { ChainRun } from "../support/toy-chain.ts";
import { createToyEngine, draftsAt, never } from "../support/toy-engine.ts";
import type { ToySettings } from "../support/toy-engine.ts";
import { createToyModel } from "../support/toy-model.ts";
import { ToyRunner } from "../support/toy-runner.ts";

/** An engine on which any draft pays. */
const eager = (settings: ToySettings) => createToyEngine({ ...settings, passTimes: draftsAt(() => 0.95) });

const kernels = {
  single_try: { cut: "uniform" },
  entropy_cut: { cut: "entropy" },
  multiple_try: { kernel: { name: "multiple_try", tries: 3 } },
  tempering: { kernel: { name: "tempering", replicas: 3 } },
  particles: { warmUp: { name: "particles", particles: 4 } },
} as const;

const runs = fc.record({
  kernel: fc.constantFrom(...(Object.keys(kernels) as (keyof typeof kernels)[])),
  model: fc.record({
    seed: fc.nat(1000),
    vocabularySize: fc.integer({ min: 2, max: 12 }),
    endBias: fc.constantFrom(-20, -3, 0, 2),
    scale: fc.constantFrom(3, 12),
  }),
  law: fc.constantFrom([1, 1], [4, 4], [4, 1]),
  maxTokens: fc.integer({ min: 1, max: 20 }),
  blockSize: fc.integer({ min: 1, max: 9 }),
  steps: fc.integer({ min: 0, max: 6 }),
  seed: fc.nat(),
});

describe("speculation", () => {
  it("leaves chains as they are, token for token, whether its drafts are right or wrong", async () => {
    let [right, wrong] = [0, 0];
    await fc.assert(
      fc.asyncProperty(runs, async ({ model: toy, law, kernel, ...rest }) => {
        const model = createToyModel(toy);
        const [alpha, inverseTemperature] = law as [number, number];
        const prompt = [0, 1, 0];
        const run: ChainRun = {
          prompt,
          endToken: model.endToken,
          alpha,
          inverseTemperature,
          ...kernels[kernel],
          ...rest,
        };
        const heard = saidAfter(prompt);
        const sides = [
          { said: undefined, lanes: 1, store: 0, memo: false, ahead: 1 },
          { said: saidAfter(prompt), lanes: 1, store: 0, memo: false, ahead: 1 },
          { said: heard, lanes: 3, store: 4096, memo: true, ahead: 1 },
          // Asked again, so that nearly all is foretold.
          { said: heard, lanes: 1, store: 30, memo: false, ahead: 1 },
          {
            said: heard,
            lanes: 4,
            store: 4096,
            memo: true,
            ahead: 3,
            longRows: "any" as const,
            maxRowLogits: 3,
          },
          {
            isWrong: true,
            said: wrongAfter(prompt, toy.vocabularySize),
            lanes: 1,
            store: 4096,
            memo: false,
            ahead: 1,
          },
          {
            isWrong: true,
            said: wrongAfter(prompt, toy.vocabularySize),
            lanes: 2,
            store: 4096,
            memo: true,
            ahead: 1,
          },
        ];
        const chains = [];
        for (const {
          said,
          lanes,
          store,
          memo,
          ahead,
          longRows = "alone",
          maxRowLogits = 64,
          isWrong = false,
        } of sides) {
          await using engine = eager({
            model,
            lanes,
            longRows,
            maxRowLogits,
            scheduler: { prefixStoreBytes: store },
          });
          const metered = new MeteredEngine(engine, { said });
          const states: string[] = [];
          const { diagnostics } = await runToyChain(metered, {
            ...run,
            memo: memo ? new MemoStore(1_000_000) : undefined,
            prefetch: ({ count }) => count < ahead,
            onState: (state) => states.push(state.map((token) => Object.values(token).join(":")).join()),
          });
          const { details } = engine.health();
          expect(details).toMatchObject({ lanes: { leased: 0 }, sequences: { open: 0 } });
          const { draftedTokens, acceptedTokens } = details.speculation;
          if (isWrong) wrong += draftedTokens - acceptedTokens;
          else right += acceptedTokens;
          // What is asked, and with it what a completion says it cost, depends on what is remembered and begun ahead alone.
          const { rememberedTokens, ...told } = diagnostics;
          const asked = memo ? undefined : { rememberedTokens, yieldedTokens: metered.yieldedTokens };
          chains.push({ states, told, asked });
        }
        const [plain, ...others] = chains;
        for (const other of others) {
          expect(other.states).toEqual(plain!.states);
          expect(other.told).toEqual(plain!.told);
          expect(other.asked ?? plain!.asked).toEqual(plain!.asked);
        }
      }),
      { numRuns: 60, seed: 18 },
    );
    expect(right).toBeGreaterThan(500);
    expect(wrong).toBeGreaterThan(500);
  });

  it("leaves what is drawn token by token as it is: penalties, truncation, bias, the likeliest, any end", async () => {
    const requests = fc.record({
      seed: fc.nat(),
      maxTokens: fc.integer({ min: 1, max: 40 }),
      topCount: fc.constantFrom(0, 3),
      sampling: fc.constantFrom<ExtendRequest["sampling"][]>(
        { inverseTemperature: 1 },
        { inverseTemperature: 1, topK: 1 },
        { inverseTemperature: 0.7, topP: 0.8 },
        {
          inverseTemperature: 2,
          adjustments: {
            repetitionPenalty: 1.3,
            presencePenalty: 0.5,
            frequencyPenalty: 0.5,
            promptLength: 3,
            bias: new Map([[1, 2]]),
            forbidden: { tokens: [5, 0], until: 4 },
          },
        },
      ),
      beyond: fc.constantFrom(0, 0.5),
      endTokens: fc.constantFrom([], [5], [0, 5]),
    });
    await fc.assert(
      fc.asyncProperty(requests, async ({ endTokens, ...rest }) => {
        const model = createToyModel({ seed: 4, vocabularySize: 6, endBias: -2, scale: 8 });
        // Prefix and tokens together come to the lane's end at most.
        const prefix = [1, 2, 1];
        const draw = async (said: Said | undefined): Promise<ScoredToken[]> => {
          await using engine = eager({ model, lanes: 2, capacity: 43 });
          const drawn: ScoredToken[] = [];
          const request = {
            prefix,
            endTokens: new Set(endTokens),
            draws: { seed: rest.seed, choice: 0, stage: 0, step: 0 },
            said,
            ...rest,
          };
          for await (const run of engine.extend(request, never)) drawn.push(...run);
          expect(engine.health().details.lanes.leased).toBe(0);
          return drawn;
        };
        const heard = saidAfter(prefix);
        const plain = await draw(undefined);
        for (const said of [heard, heard, wrongAfter(prefix, 6)]) expect(await draw(said)).toEqual(plain);
      }),
      { numRuns: 60, seed: 19 },
    );
  });

  const samplers: Record<string, SamplerSettings> = {
    standard: { sampler: "standard", temperature: 1 },
    greedy: { sampler: "greedy" },
    power: {
      sampler: "power",
      alpha: 4,
      mcmcSteps: 4,
      blockSize: 5,
      proposalTemperature: 0.5,
      schedule: "full",
    },
    smc: { sampler: "smc", alpha: 4, particles: 3, proposalTemperature: 0.5 },
  };

  it.each(Object.entries(samplers))(
    "gives the same answers and reports by %s, isolated or not, with a stop string across a draft",
    async (_, settings) => {
      const description = await readModelFolder(embeddedModel);
      const model = createToyModel({ seed: 9, vocabularySize: 18, endBias: -20, scale: 30 });
      const answers = [];
      let accepted = 0;
      for (const speculation of [undefined, new SaidStore()]) {
        const engine = eager({ model, capacity: 128 });
        await using completer = new LocalCompleter(description, engine, {
          earlyRejection: true,
          prefetch: false,
          memo: undefined,
          speculation,
        });
        const ask = (seed: number, stop: string[], changed = settings) =>
          answerOf(completer, {
            prompt: [0, 1, 2],
            settings: changed,
            maxTokens: 24,
            stop,
            seed,
            choice: 0,
            topCount: 2,
          });
        const all = [];
        for (const seed of [1, 1, 2, 3]) all.push(await ask(seed, []));
        const { text } = all[0]!;
        // In the midst of what the answer before has foretold.
        const stop = text.slice(text.length / 2, text.length / 2 + 2);
        all.push(await ask(1, [stop]));
        if (settings.sampler === "power" || settings.sampler === "smc")
          all.push(await ask(1, [], { ...settings, isolated: true }));
        answers.push(all);
        accepted = engine.health().details.speculation.acceptedTokens;
      }
      expect(answers[1]).toEqual(answers[0]);
      expect(accepted).toBeGreaterThan(0);
    },
  );

  /** Draws on a toy of little choice, whose texts repeat. */
  const request = (said: Said | undefined, changes: Partial<ExtendRequest> = {}): ExtendRequest => ({
    prefix: [1, 2, 1],
    maxTokens: 30,
    endTokens: new Set(),
    sampling: { inverseTemperature: 1 },
    draws: { seed: 7, choice: 0, stage: 0, step: 0 },
    topCount: 0,
    said,
    ...changes,
  });
  const model = createToyModel({ seed: 3, vocabularySize: 6, endBias: -20 });
  const drawAll = async (engine: ReturnType<typeof eager>, asked: ExtendRequest): Promise<number[]> => {
    const tokens: number[] = [];
    for await (const run of engine.extend(asked, never)) tokens.push(...run.map(({ token }) => token));
    return tokens;
  };

  it("settles a text that was said before in a fraction of the passes", async () => {
    // Tokens enough for a few of them to tell a place from others.
    const rich = createToyModel({ seed: 3, vocabularySize: 60, endBias: -20 });
    await using engine = eager({ model: rich });
    const said = saidAfter([1, 2, 1]);
    const first = await drawAll(engine, request(said));
    const before = engine.health().details.passes;
    expect(await drawAll(engine, request(said))).toEqual(first);
    expect(engine.health().details.passes - before).toBeLessThan(10);
  });

  it("tries nothing beside other rows, with a fixed shape, or where it does not pay", async () => {
    const batches: Batch[] = [];
    const onStep = (batch: Batch): void => {
      batches.push(batch);
    };
    const said = saidAfter([1, 2, 1]);
    await drawAll(eager({ model }), request(said));
    const settings: ToySettings[] = [
      { maxRowTokens: 1 },
      { passTimes: draftsAt((tokens) => tokens) },
      { passTimes: draftsAt(() => NaN) },
    ];
    for (const changes of settings) {
      await using engine = createToyEngine({ model, onStep, ...changes });
      await drawAll(engine, request(said));
      expect(engine.health().details.speculation.draftedTokens).toBe(0);
    }
    batches.length = 0;
    await using engine = eager({ model, onStep, lanes: 4 });
    await Promise.all([1, 2, 3].map(() => drawAll(engine, request(said))));
    const decoding = batches.filter((batch) => batch.every(({ position }) => position > 0));
    for (const batch of decoding)
      if (batch.length > 1) expect(batch.map((row) => row.tokens.length)).toEqual(batch.map(() => 1));
    expect(decoding.some((batch) => batch.length > 1)).toBe(true);
  });

  it("gives up on a text that it foretells badly", async () => {
    const flat = createToyModel({ seed: 5, vocabularySize: 4, endBias: -20, scale: 0.01 });
    // Worth it where three of four hold, and no less.
    await using engine = createToyEngine({
      model: flat,
      capacity: 700,
      passTimes: draftsAt((tokens) => 1 + 0.6 * (tokens - 1)),
    });
    const said = saidAfter([1, 2, 1]);
    await drawAll(engine, request(said, { maxTokens: 600 }));
    expect(engine.health().details.speculation.draftedTokens).toBeLessThan(20);
  });

  it.each([
    ["a draft of 4 a tenth more", 3, (tokens: number) => 1 + 0.03 * (tokens - 1)],
    ["a draft of 4 a tenth more", 10, (tokens: number) => 1 + 0.03 * (tokens - 1)],
    ["a draft of 4 half as much again", 10, (tokens: number) => 1 + 0.1 * (tokens - 1)],
    ["a draft of 4 as much as two passes", 10, (tokens: number) => 1 + 0.4 * (tokens - 1)],
  ])(
    "finds out what passes take where %s, timed while the machine was %i times slower",
    async (_, slower, costOf) => {
      const flat = createToyModel({ seed: 5, vocabularySize: 4, endBias: -20, scale: 0.01 });
      const taken: number[] = [];
      for (const said of [undefined, saidAfter([1, 2, 1])]) {
        let clock = 0;
        const onStep = ([row]: Batch): void => {
          clock += 10 * costOf(row!.tokens.length);
        };
        const drafts = [1, 5, 9].map((size) => ({ size, ms: slower * 10 * costOf(size) }));
        const passTimes = new PassTimes([{ size: 1, ms: slower * 10 }], [{ size: 8, ms: 80 }], drafts);
        const scheduler = { now: () => clock };
        await using engine = createToyEngine({ model: flat, capacity: 1600, onStep, passTimes, scheduler });
        await drawAll(engine, request(said, { maxTokens: 1500 }));
        taken.push(clock);
        expect(passTimes.decodeMs(1)).toBeLessThan(11);
        expect(passTimes.rowCost(5)).toBeCloseTo(costOf(5), 1);
        expect(engine.load().aloneGain).toBeLessThan(1.5);
      }
      expect(taken[1]!).toBeLessThan(1.02 * taken[0]!);
    },
  );

  it("tries nothing within a prompt that runs token by token, nor loses what a request says was said", async () => {
    const prefix = [1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1];
    const draw = async (said: Said | undefined): Promise<number[]> => {
      await using engine = eager({ model, lanes: 1, scheduler: { prefillChunk: 1 } });
      const drawn = await drawAll(engine, request(said, { prefix }));
      const again = { prefix: [...prefix, ...drawn.slice(0, 9)] };
      return [...drawn, ...(await drawAll(engine, request(undefined, again)))];
    };
    expect(await draw(saidAfter(prefix))).toEqual(await draw(undefined));
    await using engine = eager({ model });
    await using metered = new MeteredEngine(engine);
    for await (const run of metered.extend(request(wrongAfter([1, 2, 1], 6)), never))
      expect(run).toHaveLength(1);
    expect(engine.health().details.speculation.draftedTokens).toBeGreaterThan(0);
  });

  it("keeps nothing that did not hold where others could take it for a prefix", async () => {
    const drawn: number[][] = [];
    const lengths: number[] = [];
    for (const said of [undefined, wrongAfter([1, 2, 1], 6)]) {
      await using engine = eager({ model, lanes: 1 });
      drawn.push(await drawAll(engine, request(said)));
      // Whatever goes on from what was drawn finds K/V that is its own.
      drawn.push(
        await drawAll(engine, request(undefined, { prefix: [1, 2, 1, ...drawn.at(-1)!.slice(0, 20)] })),
      );
      lengths.push(engine.health().details.prefixStore.bytes);
    }
    expect(drawn.slice(2)).toEqual(drawn.slice(0, 2));
    expect(lengths[1]).toBe(lengths[0]);
  });

  it("cuts off what did not hold as soon as the pass is over", async () => {
    const rich = createToyModel({ seed: 3, vocabularySize: 60, endBias: -20 });
    const runner = new ToyRunner(rich, { lanes: 1 });
    const settings = { prefillChunk: 8, prefixStoreBytes: 0 };
    await using engine = new LocalEngine(
      runner,
      settings,
      draftsAt(() => 0.95),
    );
    const extension = engine.extend(request(wrongAfter([1, 2, 1], 60)), never);
    for (let pulled = 1; pulled < 30; pulled++) {
      await extension.pull();
      expect(runner.memory.length(0)).toBe(3 + pulled - 1);
    }
    extension[Symbol.dispose]();
    const { draftedTokens, acceptedTokens } = engine.health().details.speculation;
    expect(draftedTokens).toBeGreaterThan(10);
    expect(acceptedTokens).toBe(0);
  });

  it("gives what was drawn before numbers end, and fails where it would without", async () => {
    const plain = await drawAll(eager({ model }), request(undefined));
    const poisoned = [1, 2, 1, ...plain.slice(0, 12)].join();
    const outcomes = [];
    for (const said of [undefined, saidAfter([1, 2, 1])]) {
      if (said !== undefined) await drawAll(eager({ model }), request(said));
      await using engine = eager({ model, isPoisoned: (prefix) => prefix.join() === poisoned });
      const tokens: number[] = [];
      const failed = (async () => {
        for await (const run of engine.extend(request(said), never)) tokens.push(run[0]!.token);
      })();
      await expect(failed).rejects.toMatchObject({ code: "numerical_error" });
      outcomes.push(tokens);
      // What is not poisoned still runs, and right.
      expect(await drawAll(engine, request(said, { maxTokens: 12 }))).toEqual(plain.slice(0, 12));
      expect(engine.health().details.sequences.open).toBe(0);
    }
    expect(outcomes).toEqual([plain.slice(0, 12), plain.slice(0, 12)]);
  });

  it("fails, is aborted and is left in the midst of a draft as without one, and holds nothing then", async () => {
    const said = saidAfter([1, 2, 1]);
    await drawAll(eager({ model }), request(said));
    let fails = false;
    await using failing = eager({
      model,
      onStep: (batch) => {
        fails ||= batch[0]!.position > 0 && batch[0]!.tokens.length > 1;
        if (fails) throw new Error("device lost");
      },
    });
    await expect(drawAll(failing, request(said))).rejects.toMatchObject({ code: "engine_failed" });
    expect(failing.health().details.sequences.open).toBe(0);

    await using engine = eager({ model });
    const controller = new AbortController();
    const aborted = engine.extend(request(said), controller.signal);
    await aborted.pull();
    await aborted.pull();
    expect(engine.health().details.speculation.acceptedTokens).toBeGreaterThan(2);
    controller.abort();
    // Tokens that are drawn and not given yet are not given any more.
    await expect(aborted.pull()).rejects.toMatchObject({ code: "aborted" });
    aborted[Symbol.dispose]();
    const left = engine.extend(request(said), never);
    await left.pull();
    left[Symbol.dispose]();
    expect(await left.pull()).toBeUndefined();
    expect(engine.health().details).toMatchObject({ lanes: { leased: 0 }, sequences: { open: 0 } });
  });
});
