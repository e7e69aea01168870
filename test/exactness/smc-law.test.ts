import { describe, expect, it } from "vitest";
import { uniform } from "../../src/core/random.ts";
import type { Completion, CompletionToken } from "../../src/mcmc/completion.ts";
import { leastLogEvidence, logEvidence, runSmc } from "../../src/mcmc/smc.ts";
import type { SmcResult, ParticleSettings } from "../../src/mcmc/smc.ts";
import { createToyModel, powerDistribution } from "../support/toy-model.ts";
import type { ToyOptions } from "../support/toy-model.ts";
import { GeneratedStream } from "../support/token-stream.ts";
import { stateSpace } from "../support/state-space.ts";
import type { Law, StateSpace } from "../support/state-space.ts";

/**
 * Particles on enumerable models. Exact for any number of them: E[Ẑ · 1{answer = x}] = p(x)^α. Approximate: the
 * answer's law, which tends to p^α.
 */

const prompt = [0, 1];

const textOf = (tokens: readonly { readonly token: number }[]): string =>
  tokens.map(({ token }) => token).join();

/** Draws from q by the table of a state space: each token of each completion, after the tokens before it. */
function drawingFrom({ states, law: { inverseTemperature } }: StateSpace, seed: number) {
  const next = new Map<string, Map<number, CompletionToken>>();
  for (const state of states) {
    for (const [position, token] of state.entries()) {
      const prefix = textOf(state.slice(0, position));
      next.set(prefix, (next.get(prefix) ?? new Map<number, CompletionToken>()).set(token.token, token));
    }
  }
  return function* (kept: Completion, horizon: number, particle: number) {
    const drawn = [...kept];
    while (drawn.length < horizon && drawn.at(-1)?.ends !== true) {
      let u = uniform({ seed, choice: 0, stage: 0, step: 0, branch: particle }, "token", drawn.length);
      const tokens = [...next.get(textOf(drawn))!.values()];
      const token = tokens.find(
        ({ logprob, logNormalizer }) => (u -= Math.exp(inverseTemperature * logprob - logNormalizer)) < 0,
      );
      drawn.push(token ?? tokens.at(-1)!);
      yield [drawn.at(-1)!];
    }
  };
}

function spaceOf(options: ToyOptions, horizon: number, law: Law): StateSpace {
  return stateSpace(createToyModel(options), { prompt, horizon, law });
}

function run(
  space: StateSpace,
  { seed, ...changes }: { seed: number; particles: number } & Partial<ParticleSettings>,
): Promise<SmcResult> {
  const key = { seed, choice: 0, stage: 0, step: 0 };
  const drawing = drawingFrom(space, seed);
  return runSmc({
    target: space.law,
    horizon: space.horizon,
    resampleDraw: (length) => uniform(key, "resample", length),
    selectDraw: uniform(key, "select"),
    extend: (kept, horizon, particle) => new GeneratedStream(drawing(kept, horizon, particle)),
    ...changes,
  });
}

/** The largest |z| over completions of the mean of Ẑ · 1{answer = x} against p(x)^α, and how often it resampled. */
async function testEvidence(
  space: StateSpace,
  { seeds, ...options }: { seeds: number; particles: number } & Partial<ParticleSettings>,
): Promise<{ worst: number; resamplings: number }> {
  const { alpha } = space.law;
  const sums = new Map<string, { sum: number; squares: number }>();
  let resamplings = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const result = await run(space, { seed, ...options });
    const evidence = Math.exp(logEvidence(result.particles));
    const text = textOf(result.answer);
    const { sum, squares } = sums.get(text) ?? { sum: 0, squares: 0 };
    sums.set(text, { sum: sum + evidence, squares: squares + evidence ** 2 });
    resamplings += result.resamplings;
  }
  const pi = powerDistribution(space.completions, alpha);
  let worst = 0;
  for (const [index, { tokens, logprob }] of space.completions.entries()) {
    // Of rare answers the mean is far from normal.
    if (pi[index]! < 0.03) continue;
    const { sum, squares } = sums.get(tokens.join()) ?? { sum: 0, squares: 0 };
    const mean = sum / seeds;
    const deviation = Math.sqrt((squares / seeds - mean ** 2) / seeds);
    worst = Math.max(worst, Math.abs(mean - Math.exp(alpha * logprob)) / deviation);
  }
  return { worst, resamplings };
}

const toys: { name: string; options: ToyOptions; law: Law }[] = [
  {
    name: "ends common, flat proposals",
    options: { seed: 1, vocabularySize: 3, endBias: 0 },
    law: { alpha: 4, inverseTemperature: 1 },
  },
  {
    name: "ends rare, sharper proposals",
    options: { seed: 2, vocabularySize: 3, endBias: -1, scale: 5 },
    law: { alpha: 4, inverseTemperature: 1.5 },
  },
];

describe.each(toys)("particles: $name", ({ options, law }) => {
  const space = spaceOf(options, 4, law);

  it("estimate p(x)^alpha without bias, however few they are", async () => {
    const { worst, resamplings } = await testEvidence(space, { seeds: 3000, particles: 4 });
    expect(worst).toBeLessThan(4);
    expect(resamplings).toBeGreaterThan(300);
  });

  it("have the unbiased estimate between the bounds where log Z is known within such", async () => {
    const bounded = {
      ...space,
      states: space.states.map((state) =>
        state.map((token, position) => {
          const gap = 0.02 * (1 + (position % 3));
          return { ...token, logNormalizer: token.logNormalizer + 0.3 * gap, logNormalizerGap: gap };
        }),
      ),
    };
    const means = { low: 0, exact: 0, high: 0 };
    const seeds = 1500;
    for (let seed = 0; seed < seeds; seed++) {
      const { particles } = await run(bounded, { seed, particles: 4 });
      means.low += Math.exp(leastLogEvidence(particles)) / seeds;
      means.high += Math.exp(logEvidence(particles)) / seeds;
    }
    means.exact = space.completions.reduce((sum, { logprob }) => sum + Math.exp(law.alpha * logprob), 0);
    expect(means.low).toBeLessThan(means.exact);
    expect(means.high).toBeGreaterThan(means.exact);
    expect(means.low).toBeGreaterThan(0.8 * means.exact);
  });

  it("would be caught weighed by another law", async () => {
    const target = { ...law, alpha: law.alpha * 1.15 };
    const { worst } = await testEvidence(space, { seeds: 1000, particles: 4, target });
    expect(worst).toBeGreaterThan(6);
  });
});

describe("the law of the answer", () => {
  it("tends to p^alpha as the particles grow in number", async () => {
    const space = spaceOf({ seed: 5, vocabularySize: 3, endBias: 0 }, 3, { alpha: 4, inverseTemperature: 1 });
    const pi = powerDistribution(space.completions, 4);
    const index = new Map(space.completions.map(({ tokens }, position) => [tokens.join(), position]));
    const distance = async (particles: number, seeds: number): Promise<number> => {
      const mass = new Array<number>(pi.length).fill(0);
      for (let seed = 0; seed < seeds; seed++) {
        const result = await run(space, { seed, particles });
        // The law of the answer given the particles: their weights.
        const total = logEvidence(result.particles) + Math.log(particles);
        for (const { completion, logWeight } of result.particles)
          mass[index.get(textOf(completion))!]! += Math.exp(logWeight - total) / seeds;
      }
      return mass.reduce((sum, value, position) => sum + Math.abs(value - pi[position]!), 0) / 2;
    };
    const [few, some, many] = [await distance(2, 2000), await distance(16, 300), await distance(256, 100)];
    expect(few).toBeGreaterThan(0.2);
    expect(some).toBeLessThan(few / 3);
    expect(many).toBeLessThan(some);
    expect(many).toBeLessThan(0.02);
  });
});

describe("a budget", () => {
  it("stops the particles where they are, and the answer is one of those that got furthest", async () => {
    const space = spaceOf(toys[1]!.options, 4, toys[1]!.law);
    for (let left = 1; left < 24; left++) {
      let budget = left;
      const drawing = drawingFrom(space, left);
      const withinBudget: typeof drawing = function* (...address) {
        for (const tokens of drawing(...address)) {
          if (budget-- <= 0) return;
          yield tokens;
        }
      };
      const result = await runSmc({
        target: space.law,
        particles: 8,
        horizon: 4,
        resampleDraw: () => 0.5,
        selectDraw: 0.3,
        extend: (kept, horizon, particle) => new GeneratedStream(withinBudget(kept, horizon, particle)),
      });
      const isOver = ({ length }: Completion, ends: boolean): boolean => ends || length === 4;
      const lengths = result.particles.map(({ completion }) =>
        isOver(completion, completion.at(-1)?.ends ?? false) ? Infinity : completion.length,
      );
      const reached = isOver(result.answer, result.answer.at(-1)?.ends ?? false)
        ? Infinity
        : result.answer.length;
      expect(reached).toBe(Math.max(...lengths));
      expect(result.budgetExhausted).toBe(lengths.some((length) => length < Infinity));
    }
  });
});
