import { describe, expect, it } from "vitest";
import { uniform } from "../../src/core/random.ts";
import type { Completion, CompletionToken } from "../../src/mcmc/completion.ts";
import type { Candidates, DraftContext } from "../../src/mcmc/kernel.ts";
import { KeyedDraws } from "../../src/mcmc/keyed-draws.ts";
import { growParticles } from "../../src/mcmc/particle-draft.ts";
import { createToyModel, powerDistribution } from "../support/toy-model.ts";
import type { ToyOptions } from "../support/toy-model.ts";
import { stateSpace } from "../support/state-space.ts";
import type { Law, StateSpace } from "../support/state-space.ts";

/**
 * Particles that draft, on enumerable models. Exact for any number of them: E[ΣW · 1{answer = x}] = p(x)^α, whatever
 * is kept, left to q or recombined. The answer's own law tends to p^α.
 */

const prompt = [0, 1];

const textOf = (tokens: readonly { readonly token: number }[]): string =>
  tokens.map(({ token }) => token).join();

/** All next tokens by the tokens before them, likeliest first. */
function nextTokens({ states }: StateSpace): Map<string, CompletionToken[]> {
  const next = new Map<string, Map<number, CompletionToken>>();
  for (const state of states) {
    for (const [position, token] of state.entries()) {
      const prefix = textOf(state.slice(0, position));
      next.set(prefix, (next.get(prefix) ?? new Map<number, CompletionToken>()).set(token.token, token));
    }
  }
  return new Map(
    [...next].map(([prefix, tokens]) => [prefix, [...tokens.values()].sort((a, b) => b.logprob - a.logprob)]),
  );
}

/** Tells so many of the likeliest next tokens, and draws from q. */
function candidatesFrom(space: StateSpace, seed: number, told: number): DraftContext["candidates"] {
  const next = nextTokens(space);
  const { inverseTemperature } = space.law;
  return async function* (kept: Completion, branch: number): AsyncGenerator<Candidates, void, undefined> {
    const before = [...kept];
    while (before.length < space.horizon && before.at(-1)?.ends !== true) {
      const tokens = next.get(textOf(before))!;
      let u = uniform({ seed, choice: 0, stage: 0, step: 0, branch }, "token", before.length);
      const drawn =
        tokens.find(
          ({ logprob, logNormalizer }) => (u -= Math.exp(inverseTemperature * logprob - logNormalizer)) < 0,
        ) ?? tokens.at(-1)!;
      const top = {
        ids: Int32Array.from(tokens.slice(0, told), ({ token }) => token),
        logprobs: Float64Array.from(tokens.slice(0, told), ({ logprob }) => logprob),
      };
      yield await Promise.resolve({ top, drawn, take: (rank) => tokens[rank]! });
      before.push(drawn);
    }
  };
}

interface Setup {
  readonly particles: number;
  /** Likeliest tokens that the engine tells. */
  readonly told: number;
  readonly patience?: number;
  readonly alpha?: number;
  /** "alike" gives each turn the uniforms of the first. */
  readonly turns?: "alike";
}

interface ContextOptions extends Pick<DraftContext, "horizon" | "candidates" | "inTurn"> {
  readonly seed: number;
  readonly turns?: "alike" | undefined;
}

const contextOf = ({ seed, turns, ...given }: ContextOptions): DraftContext => ({
  ...given,
  draws: (branch) =>
    new KeyedDraws({ seed, choice: 0, stage: 0, step: 0, branch: turns === "alike" ? 1 : branch }),
  propose: () => {
    throw new Error("a draft by particles proposes nothing");
  },
  earlyRejection: true,
});

/** A model to which all its tokens are equally likely, and how many were asked of it at once at most. */
function alikeTokens(count: number) {
  const logprob = -Math.log(count);
  const tokens = Array.from({ length: count }, (_, token): CompletionToken => ({
    token,
    logprob,
    logNormalizer: 3 * logprob,
    entropy: -logprob,
  }));
  const top = { ids: Int32Array.from(tokens.keys()), logprobs: new Float64Array(count).fill(logprob) };
  let [asked, most] = [0, 0];
  async function* nextTokens(): AsyncGenerator<Candidates, void, undefined> {
    for (;;) {
      most = Math.max(most, ++asked);
      await new Promise(setImmediate);
      asked--;
      yield { top, drawn: tokens[0]!, take: (rank) => tokens[rank]! };
    }
  }
  return { nextTokens, most: () => most };
}

async function grow(
  space: StateSpace,
  seed: number,
  { told, turns, alpha = space.law.alpha, ...options }: Setup,
) {
  const context = contextOf({
    horizon: space.horizon,
    seed,
    turns,
    candidates: candidatesFrom(space, seed, told),
    inTurn: seed % 2 === 0,
  });
  const target = { ...space.law, alpha };
  const { state, logEvidence } = await growParticles([], { target, ...options }, context);
  return { answer: state, evidence: Math.exp(logEvidence) };
}

/** What an answer is counted under: itself, and how it begins. */
const eventsOf = (tokens: readonly number[]): Set<string> =>
  new Set([tokens.join(), ...[1, 2].map((length) => `begins ${tokens.slice(0, length).join()}`)]);

/** The largest |z| over events E of the mean of ΣW · 1{answer ∈ E} against Σ_{x ∈ E} p(x)^α. */
async function worstBias(space: StateSpace, setup: Setup, seeds: number): Promise<number> {
  const { alpha } = space.law;
  const sums = new Map<string, { sum: number; squares: number }>();
  for (let seed = 0; seed < seeds; seed++) {
    const { answer, evidence } = await grow(space, seed, setup);
    for (const event of eventsOf(answer.map(({ token }) => token))) {
      const { sum, squares } = sums.get(event) ?? { sum: 0, squares: 0 };
      sums.set(event, { sum: sum + evidence, squares: squares + evidence ** 2 });
    }
  }
  const expected = new Map<string, number>();
  for (const { tokens, logprob } of space.completions)
    for (const event of eventsOf(tokens))
      expected.set(event, (expected.get(event) ?? 0) + Math.exp(alpha * logprob));
  const total = space.completions.reduce((sum, { logprob }) => sum + Math.exp(alpha * logprob), 0);
  let worst = 0;
  for (const [event, mass] of expected) {
    // Of rare events the mean is far from normal.
    if (mass / total < 0.03) continue;
    const { sum, squares } = sums.get(event) ?? { sum: 0, squares: 0 };
    const mean = sum / seeds;
    const variance = Math.max(0, squares / seeds - mean ** 2);
    // Where every run gives the same, rounding is left.
    worst = Math.max(worst, Math.abs(mean - mass) / Math.sqrt(variance / seeds + 1e-20));
  }
  return worst;
}

const spaceOf = (options: ToyOptions, horizon: number, law: Law): StateSpace =>
  stateSpace(createToyModel(options), { prompt, horizon, law });

const toys: { name: string; options: ToyOptions; law: Law; horizon: number }[] = [
  {
    name: "ends common",
    options: { seed: 1, vocabularySize: 3, endBias: 0 },
    law: { alpha: 4, inverseTemperature: 4 },
    horizon: 4,
  },
  {
    name: "ends rare, sharp",
    options: { seed: 2, vocabularySize: 3, endBias: -2, scale: 5 },
    law: { alpha: 4, inverseTemperature: 1.5 },
    horizon: 5,
  },
  {
    name: "long enough to recombine",
    options: { seed: 9, vocabularySize: 3, endBias: -3, scale: 1.5 },
    law: { alpha: 2, inverseTemperature: 1 },
    horizon: 7,
  },
];

describe.each(toys)("particles that draft: $name", ({ options, law, horizon }) => {
  const space = spaceOf(options, horizon, law);

  for (const setup of [
    { particles: 2, told: 3, patience: 1 },
    { particles: 2, told: 3 },
    { particles: 2, told: 2, patience: 0 },
    { particles: 4, told: 1, patience: 1 },
    { particles: 6, told: 2, patience: 2 },
    { particles: 6, told: 4 },
  ]) {
    it(`estimate p(x)^alpha without bias: ${JSON.stringify(setup)}`, async () => {
      expect(await worstBias(space, setup, 1500)).toBeLessThan(4);
    });
  }

  it("would be caught weighed by another law", async () => {
    const setup = { particles: 4, told: 3, alpha: law.alpha * 1.2 };
    expect(await worstBias(space, setup, 1500)).toBeGreaterThan(6);
  });
});

describe("particles that draft", () => {
  it("would be caught deciding turn after turn by the same uniforms", async () => {
    const { options, law, horizon } = toys[2]!;
    const setup = { particles: 2, told: 2, patience: 1, turns: "alike" } as const;
    expect(await worstBias(spaceOf(options, horizon, law), setup, 1500)).toBeGreaterThan(6);
  });
});

describe("particles that grow at once", () => {
  // Hardly anything is sharp enough to tell them apart, and all that lots leave weigh the same.
  for (const particles of [1, 2, 4, 10]) {
    it(`are ${particles} at most where none outweighs another`, async () => {
      const { nextTokens, most } = alikeTokens(40);
      const context = contextOf({ horizon: 12, seed: 1, inTurn: false, candidates: nextTokens });
      await growParticles([], { target: { alpha: 4, inverseTemperature: 4 }, particles }, context);
      expect(most()).toBeLessThanOrEqual(particles);
    });
  }
});

describe("the law of what is drafted", () => {
  it("tends to p^alpha as the particles grow in number", async () => {
    const sharp = { seed: 5, vocabularySize: 3, endBias: -3, scale: 3 };
    const space = spaceOf(sharp, 7, { alpha: 4, inverseTemperature: 4 });
    const pi = powerDistribution(space.completions, 4);
    const index = new Map(space.completions.map(({ tokens }, position) => [tokens.join(), position]));
    const distance = async (particles: number, seeds: number): Promise<number> => {
      const mass = new Array<number>(pi.length).fill(0);
      for (let seed = 0; seed < seeds; seed++) {
        const { answer } = await grow(space, seed, { particles, told: 4 });
        mass[index.get(textOf(answer))!]! += 1 / seeds;
      }
      return mass.reduce((sum, value, position) => sum + Math.abs(value - pi[position]!), 0) / 2;
    };
    const [few, some, many] = [await distance(2, 500), await distance(8, 500), await distance(60, 500)];
    expect(some).toBeLessThan(few);
    expect(many).toBeLessThan(few / 2);
  });
});
