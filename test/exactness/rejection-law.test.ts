import { describe, expect, it } from "vitest";
import { uniform } from "../../src/core/random.ts";
import type { Completion, CompletionToken } from "../../src/mcmc/completion.ts";
import { isComplete } from "../../src/mcmc/completion.ts";
import { Envelope } from "../../src/mcmc/envelope.ts";
import type { Frontier } from "../../src/mcmc/envelope.ts";
import { drawByRejection, tryOnce } from "../../src/mcmc/rejection.ts";
import type { RejectionResult } from "../../src/mcmc/rejection.ts";
import { cells } from "../support/cells.ts";
import { Replay } from "../support/chosen-step.ts";
import { chiSquare } from "../support/statistics.ts";
import { likeliest } from "../../src/sampling/likeliest.ts";
import { stateSpace } from "../support/state-space.ts";
import { createToyModel, powerDistribution } from "../support/toy-model.ts";
import type { ToyOptions } from "../support/toy-model.ts";

/**
 * Rejection on enumerable models: a try under an envelope with the bound U accepts x with probability p(x)^α / U,
 * whatever the envelope has learned. All choices of a try are enumerated through its own code: the walk by the cells of its
 * uniforms, the tokens beyond it by their masses, the acceptance by its ratio.
 */

const prompt = [0, 1];

/** Far above rounding, which leaves the right law within 1e-12. */
const caught = 1e-5;

interface Space {
  readonly states: readonly Completion[];
  /** p(x)^α. */
  readonly targets: readonly number[];
  readonly alpha: number;
  readonly horizon: number;
  readonly vocabularySize: number;
}

/** @param width likeliest tokens that an engine reports */
function spaceOf(
  options: ToyOptions,
  { alpha, horizon, width }: { alpha: number; horizon: number; width: number },
): Space {
  const model = createToyModel(options);
  const law = { alpha, inverseTemperature: alpha };
  const { states, completions } = stateSpace(model, { prompt, horizon, law });
  const tops = new Map<string, CompletionToken["top"]>();
  const topAfter = (kept: Completion) => {
    const prefix = kept.map(({ token }) => token);
    const logits = model.logits([...prompt, ...prefix]);
    const logSum = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
    const key = prefix.join();
    const top = tops.get(key) ?? likeliest(logits, Math.min(width, logits.length), logSum);
    tops.set(key, top);
    return top;
  };
  return {
    states: states.map((state) =>
      state.map((token, position) => ({ ...token, top: topAfter(state.slice(0, position)) })),
    ),
    targets: completions.map(({ logprob }) => Math.exp(alpha * logprob)),
    alpha,
    horizon,
    vocabularySize: model.vocabularySize,
  };
}

const envelopeOf = ({ alpha, horizon, vocabularySize }: Space, mostVisits = 100): Envelope =>
  new Envelope({
    alpha,
    horizon,
    vocabularySize,
    mostVisits,
    endsWith: (_, token) => token === vocabularySize - 1,
  });

const idsOf = (completion: Completion): string => completion.map(({ token }) => token).join();

/** The completions that a frontier leads to, with the probability of each given the frontier. */
function beyond({ completion, beyond: share }: Frontier, { states, alpha }: Space) {
  const kept = completion.length;
  return states.flatMap((state, index) => {
    if (idsOf(state.slice(0, kept)) !== idsOf(completion)) return [];
    let mass = 1;
    for (const [position, { token, top, logprob, logNormalizer }] of state.entries()) {
      if (position < kept) continue;
      const q = Math.exp(alpha * logprob - logNormalizer);
      const isInLump = position === kept && share !== undefined;
      if (isInLump && top!.ids.includes(token)) return [];
      mass *= isInLump ? q / (1 - share) : q;
    }
    return [{ index, mass }];
  });
}

type TryUnder = (
  frontierAt: (position: number) => number,
  accept: number,
  state: Completion,
) => Promise<{ logRatio: number; outcome: string }>;

/** P(x accepted) of one try, by completion. */
async function lawOfTry(envelope: Envelope, space: Space, attempt: TryUnder): Promise<number[]> {
  const law = space.states.map(() => 0);
  const descend = async (uniforms: readonly number[], mass: number): Promise<void> => {
    const depth = uniforms.length;
    const walkAt = (u: number): Frontier =>
      envelope.walk((position) => uniforms[position] ?? (position === depth ? u : 0.5));
    const reach = walkAt(0.5);
    const isOver =
      isComplete(reach.completion, space.horizon) ||
      reach.beyond !== undefined ||
      depth > reach.completion.length;
    const goesNoFurther =
      reach.completion.length < depth || (reach.completion.length === depth && reach.beyond === undefined);
    if (goesNoFurther || (isOver && depth > reach.completion.length)) {
      for (const { index, mass: q } of beyond(reach, space)) {
        const state = space.states[index]!;
        const { logRatio } = await attempt((position) => uniforms[position] ?? 0.5, 1e-300, state);
        law[index]! += mass * q * Math.exp(logRatio);
        await expectDecision(attempt, uniforms, state, Math.exp(logRatio));
      }
      return;
    }
    const choices = await cells(
      (u) => Promise.resolve(walkAt(u)),
      ({ completion, beyond: share }) =>
        completion.length <= depth ? `lump ${share}` : completion[depth]!.token,
    );
    for (const { width, at } of choices) await descend([...uniforms, at], mass * width);
  };
  await descend([], 1);
  return law;
}

async function expectDecision(
  attempt: TryUnder,
  uniforms: readonly number[],
  state: Completion,
  ratio: number,
) {
  const select = (position: number): number => uniforms[position] ?? 0.5;
  expect((await attempt(select, ratio * (1 - 1e-9), state)).outcome).toBe("accepted");
  if (ratio < 1 - 1e-6)
    expect((await attempt(select, ratio * (1 + 1e-9), state)).outcome).not.toBe("accepted");
}

const trying =
  (envelope: Envelope, { horizon }: Space): TryUnder =>
  async (select, accept, state) =>
    (await tryOnce(
      envelope,
      { accept, select },
      {
        horizon,
        extend: ({ completion }) => new Replay(state, completion.length),
      },
    ))!;

/** max |P(accept x)·U − p(x)^α|. */
async function violation(
  envelope: Envelope,
  space: Space,
  attempt = trying(envelope, space),
): Promise<number> {
  const law = await lawOfTry(envelope, space, attempt);
  const bound = Math.exp(envelope.logBound);
  return Math.max(...law.map((mass, index) => Math.abs(mass * bound - space.targets[index]!)));
}

/** Draws as a server does. */
async function draw(
  space: Space,
  {
    seed,
    maxTries = 1e6,
    learns = true,
  }: { readonly seed: number; readonly maxTries?: number; readonly learns?: boolean },
): Promise<RejectionResult & { readonly visits: number }> {
  const keyOf = (step: number) => ({ seed, choice: 0, stage: 0, step });
  const tries = drawByRejection({
    envelope: envelopeOf(space),
    learns,
    horizon: space.horizon,
    maxTries,
    canAfford: () => true,
    draws: (step) => ({
      accept: uniform(keyOf(step), "accept"),
      select: (position) => uniform(keyOf(step), "select", position),
    }),
    extend: (frontier, step) => {
      let u = uniform(keyOf(step), "token");
      const all = beyond(frontier, space);
      const chosen = all.find(({ mass }) => (u -= mass) < 0) ?? all.at(-1)!;
      return new Replay(space.states[chosen.index]!, frontier.completion.length);
    },
  });
  const visited = new Set<string>();
  let next = await tries.next();
  for (; next.done !== true; next = await tries.next())
    for (const [position] of next.value.completion.entries())
      visited.add(idsOf(next.value.completion.slice(0, position)));
  return { ...next.value, visits: visited.size };
}

const models = [
  { name: "ends common", options: { seed: 1, vocabularySize: 3, endBias: 1 }, width: 64 },
  { name: "ends rare", options: { seed: 2, vocabularySize: 3, endBias: -4 }, width: 64 },
  { name: "a lump behind the two likeliest", options: { seed: 3, vocabularySize: 4, endBias: 0 }, width: 2 },
  { name: "nothing but a lump", options: { seed: 4, vocabularySize: 3, endBias: 0 }, width: 0 },
];

describe.each(models)("a try: $name", ({ options, width }) => {
  it.each([1, 2, 4])("accepts x with probability p(x)^%d / U, whatever was learned", async (alpha) => {
    for (const horizon of [1, 2, 3]) {
      const space = spaceOf(options, { alpha, horizon, width });
      const envelope = envelopeOf(space);
      for (let stage = 0; stage < 4; stage++) {
        expect(await violation(envelope, space)).toBeLessThan(1e-12);
        expect(Math.exp(envelope.logBound)).toBeGreaterThan(
          space.targets.reduce((sum, value) => sum + value, 0) - 1e-12,
        );
        // Learns from completions that a seed would have it draw, accepted or not.
        envelope.learn(space.states[(7 * stage + 3) % space.states.length]!);
      }
      for (const state of space.states) envelope.learn(state);
      expect(await violation(envelope, space)).toBeLessThan(1e-12);
    }
  });
});

describe("an envelope", () => {
  it("comes down to the sum itself once everything was seen, unless there is no room for it", () => {
    const space = spaceOf(models[0]!.options, { alpha: 4, horizon: 3, width: 64 });
    const sum = Math.log(space.targets.reduce((total, value) => total + value, 0));
    const [whole, small] = [envelopeOf(space), envelopeOf(space, 2)];
    for (const envelope of [whole, small]) for (const state of space.states) envelope.learn(state);
    expect(whole.logBound).toBeCloseTo(sum, 12);
    expect(small.logBound).toBeGreaterThan(sum + 1e-3);
  });
});

describe("wrong variants are caught:", () => {
  const space = spaceOf(models[0]!.options, { alpha: 4, horizon: 3, width: 64 });
  const total = space.targets.reduce((sum, target) => sum + target, 0);

  /** max |P(x | accepted) − π(x)|. */
  const distance = async (attempt: TryUnder): Promise<number> => {
    const law = await lawOfTry(envelopeOf(space), space, attempt);
    const accepted = law.reduce((sum, mass) => sum + mass, 0);
    return Math.max(...law.map((mass, index) => Math.abs(mass / accepted - space.targets[index]! / total)));
  };
  const distorted =
    (distort: (state: Completion) => Completion): TryUnder =>
    (select, accept, state) =>
      trying(envelopeOf(space), space)(select, accept, distort(state));

  it("but the right one is not", async () => {
    expect(await distance(distorted((state) => state))).toBeLessThan(1e-12);
  });

  it("bounds that are lowered within a draw", async () => {
    const impatient: TryUnder = async (select, accept, state) => {
      const envelope = envelopeOf(space);
      const made = await trying(envelope, space)(select, 1e-300, state);
      envelope.learn(state);
      const logRatio = Math.min(0, made.logRatio - envelope.logBound);
      return { logRatio, outcome: Math.log(accept) < logRatio ? "accepted" : "rejected" };
    };
    expect(await distance(impatient)).toBeGreaterThan(caught);
  });

  it("a Z that is held above a third", async () => {
    const clipped = distorted((state) =>
      state.map((token) => ({ ...token, logNormalizer: Math.max(-Math.log(3), token.logNormalizer) })),
    );
    expect(await distance(clipped)).toBeGreaterThan(caught);
  });

  it("completions that the horizon ends, weighed without their last Z", async () => {
    const cut = distorted((state) =>
      state.map((token, position) =>
        position === space.horizon - 1 && token.ends !== true ? { ...token, logNormalizer: 0 } : token,
      ),
    );
    expect(await distance(cut)).toBeGreaterThan(caught);
  });
});

describe("draws", () => {
  const space = spaceOf(models[2]!.options, { alpha: 2, horizon: 3, width: 2 });
  const index = new Map(space.states.map((state, position) => [idsOf(state), position]));
  const total = space.targets.reduce((sum, value) => sum + value, 0);

  it.each([true, false])(
    "come as often as p^alpha says, and estimate its sum, learning: %s",
    async (learns) => {
      const counts = space.states.map(() => 0);
      let inverse = 0;
      let square = 0;
      const seeds = 3000;
      for (let seed = 0; seed < seeds; seed++) {
        const { answer, logEvidence } = await draw(space, { seed, learns });
        counts[index.get(idsOf(answer!))!]!++;
        inverse += Math.exp(-logEvidence) / seeds;
        square += Math.exp(-2 * logEvidence) / seeds;
      }
      const pi = space.targets.map((target) => target / total);
      expect(chiSquare(counts, pi).pValue).toBeGreaterThan(0.001);
      expect(
        chiSquare(
          counts,
          powerDistribution(
            space.states.map((state) => ({
              tokens: [],
              logprob: state.reduce((sum, { logprob }) => sum + logprob, 0),
            })),
            2.6,
          ),
        ).pValue,
      ).toBeLessThan(0.001);
      expect(Math.abs(inverse - 1 / total) / Math.sqrt((square - inverse ** 2) / seeds)).toBeLessThan(4);
    },
  );

  it("are as exact where few tries are allowed and those without one are left out", async () => {
    const counts = space.states.map(() => 0);
    let missed = 0;
    for (let seed = 0; seed < 6000; seed++) {
      const { answer } = await draw(space, { seed, maxTries: 2 });
      if (answer === undefined) missed++;
      else counts[index.get(idsOf(answer))!]!++;
    }
    expect(missed).toBeGreaterThan(500);
    expect(
      chiSquare(
        counts,
        space.targets.map((target) => target / total),
      ).pValue,
    ).toBeGreaterThan(0.001);
  });

  it("visit as many prefixes with what they learn as without: a memo answers for the others", async () => {
    const hard = spaceOf(models[1]!.options, { alpha: 4, horizon: 3, width: 64 });
    const visitsOf = async (learns: boolean) => {
      const all: number[] = [];
      for (let seed = 0; seed < 1500; seed++) all.push((await draw(hard, { seed, learns })).visits);
      const mean = all.reduce((sum, visits) => sum + visits, 0) / all.length;
      const variance = all.reduce((sum, visits) => sum + (visits - mean) ** 2, 0) / all.length;
      return { mean, variance: variance / all.length };
    };
    const [learned, plain] = [await visitsOf(true), await visitsOf(false)];
    expect(plain.mean).toBeGreaterThan(2);
    expect(Math.abs(learned.mean - plain.mean)).toBeLessThan(
      4 * Math.sqrt(learned.variance + plain.variance),
    );
  });

  it("take fewer tries by what they learn", async () => {
    const hard = spaceOf(models[1]!.options, { alpha: 4, horizon: 3, width: 64 });
    const triesOf = async (learns: boolean): Promise<number> => {
      let tries = 0;
      for (let seed = 0; seed < 50; seed++) tries += (await draw(hard, { seed, learns })).tries;
      return tries;
    };
    expect(await triesOf(true)).toBeLessThan((await triesOf(false)) / 2);
  });
});
