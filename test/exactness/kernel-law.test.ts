import { describe, expect, it } from "vitest";
import { uniformCut } from "../../src/mcmc/cut.ts";
import type { CutWeight } from "../../src/mcmc/cut.ts";
import { entropyCut } from "../../src/mcmc/entropy-cut.ts";
import type { Completion } from "../../src/mcmc/completion.ts";
import type { KernelFamily } from "../../src/mcmc/kernel.ts";
import { multipleTry } from "../../src/mcmc/multiple-try.ts";
import { singleTry } from "../../src/mcmc/single-try.ts";
import { logSuffixWeight } from "../../src/mcmc/target.ts";
import type { PowerTarget } from "../../src/mcmc/target.ts";
import { createToyModel, powerDistribution } from "../support/toy-model.ts";
import type { ToyOptions } from "../support/toy-model.ts";
import { tabulateEmbedded } from "../support/tabulated-model.ts";
import { stateSpace } from "../support/state-space.ts";
import type { Law, StateSpace } from "../support/state-space.ts";
import { detailedBalanceViolation, transitionMatrix, violation } from "../support/transition-matrix.ts";

const prompt = [0, 1];

const toys = [
  { name: "end common", options: { seed: 1, vocabularySize: 3, endBias: 1 } },
  { name: "end rare", options: { seed: 2, vocabularySize: 3, endBias: -4 } },
  { name: "four tokens", options: { seed: 3, vocabularySize: 4, endBias: 0 } },
];
const laws: Law[] = [
  { alpha: 1, inverseTemperature: 1 },
  { alpha: 2, inverseTemperature: 2 },
  { alpha: 2, inverseTemperature: 1 },
  { alpha: 4, inverseTemperature: 4 },
  { alpha: 4, inverseTemperature: 2 },
  { alpha: 4, inverseTemperature: 1 },
];

const spaceOf = (options: ToyOptions, horizon: number, law: Law): StateSpace =>
  stateSpace(createToyModel(options), { prompt, horizon, law });

interface Violations {
  readonly invariance: number;
  readonly balance: number;
}

async function violationsOf(family: KernelFamily, space: StateSpace): Promise<Violations> {
  const matrix = await transitionMatrix(family(space.law), space);
  for (const row of matrix) expect(row.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(1, 10);
  const pi = powerDistribution(space.completions, space.law.alpha);
  return { invariance: violation(matrix, pi), balance: detailedBalanceViolation(matrix, pi) };
}

/** Far above rounding: a wrong kernel is told from a right one by six orders of magnitude. */
const caught = 1e-6;
const rounding = 1e-12;

/** p^alpha is what the kernel leaves invariant, and what it says it does. */
async function expectLaw(family: KernelFamily, space: StateSpace): Promise<void> {
  const { invariance, balance } = await violationsOf(family, space);
  expect(invariance).toBeLessThan(rounding);
  expect(balance).toBeLessThan(rounding);
  const { logLaw } = family(space.law);
  for (const [index, { logprob }] of space.completions.entries())
    expect(logLaw(space.states[index]!)).toBeCloseTo(space.law.alpha * logprob, 10);
}

/** A kernel that decides by another ratio: `change` of the right one. */
function withRatio(family: KernelFamily, change: RatioChange): KernelFamily {
  return (target) => {
    const kernel = family(target);
    return {
      ...kernel,
      step: async (state, context) => {
        const draws = context.draws(0);
        const certain = { ...draws, accept: 1e-300 };
        const result = (await kernel.step(state, { ...context, draws: () => certain }))!;
        const { info } = result;
        const proposal = [...state.slice(0, info.cut), ...info.suffix];
        const logRatio = change({ state, proposal, cut: info.cut, logRatio: info.logRatio, target });
        const isAccepted = info.outcome === "accepted" && Math.log(draws.accept) < logRatio;
        const outcome = isAccepted ? "accepted" : "rejected";
        return { state: isAccepted ? result.state : state, info: { ...info, logRatio, outcome } };
      },
    };
  };
}

type RatioChange = (right: {
  readonly target: PowerTarget;
  readonly state: Completion;
  readonly proposal: Completion;
  readonly cut: number;
  readonly logRatio: number;
}) => number;

const totalOf = (weigh: CutWeight, completion: Completion): number =>
  completion.reduce((sum, _, position) => sum + weigh(completion, position), 0);

const withoutCutRatio = (family: KernelFamily, weigh: CutWeight): KernelFamily =>
  withRatio(
    family,
    ({ state, proposal, logRatio }) =>
      logRatio - Math.log(totalOf(weigh, state)) + Math.log(totalOf(weigh, proposal)),
  );

const cuts: [string, CutWeight][] = [
  ["uniform", uniformCut],
  ["entropy", entropyCut],
];

describe.each(cuts)("a single try after a cut that is %s", (_, weigh) => {
  const family = singleTry(weigh);

  for (const { name, options } of toys) {
    for (const horizon of [1, 2, 3, ...(options.vocabularySize === 3 ? [5] : [])]) {
      it(`leaves p^alpha invariant and balances in detail: ${name}, horizon ${horizon}`, async () => {
        for (const law of laws) await expectLaw(family, spaceOf(options, horizon, law));
      });
    }
  }

  it("leaves p^alpha of the embedded model invariant", async () => {
    const model = await tabulateEmbedded(prompt, 2);
    for (const law of [
      { alpha: 4, inverseTemperature: 4 },
      { alpha: 2, inverseTemperature: 1 },
    ]) {
      const space = stateSpace(model, { prompt, horizon: 2, law });
      expect(space.states).toHaveLength(17 * 18 + 1);
      await expectLaw(family, space);
    }
  });

  it("would be caught without the cut's ratio", async () => {
    const space = spaceOf(toys[0]!.options, 3, { alpha: 4, inverseTemperature: 4 });
    const { invariance } = await violationsOf(withoutCutRatio(family, weigh), space);
    expect(invariance).toBeGreaterThan(caught);
  });
});

describe("a cut that looks ahead", () => {
  it("would be caught: its weights are not the same on the way back", async () => {
    const ahead: CutWeight = (completion, position) => 1 + (completion[position]!.token === 0 ? 3 : 0);
    const space = spaceOf(toys[0]!.options, 3, { alpha: 4, inverseTemperature: 4 });
    expect((await violationsOf(singleTry(ahead), space)).invariance).toBeGreaterThan(caught);
  });
});

describe.each(cuts)("several tries after a cut that is %s", (_, weigh) => {
  for (const { name, options } of toys) {
    for (const horizon of [1, 2]) {
      it(`leave p^alpha invariant and balance in detail: ${name}, horizon ${horizon}`, async () => {
        for (const law of [laws[2]!, laws[3]!, laws[5]!])
          await expectLaw(multipleTry(weigh, 2), spaceOf(options, horizon, law));
      });
    }
  }

  it("do so where suffixes differ in length by more", async () => {
    const law = { alpha: 4, inverseTemperature: 4 };
    await expectLaw(multipleTry(weigh, 2), spaceOf(toys[0]!.options, 3, law));
  });

  it("do so with three, and are the single try with one", async () => {
    const space = spaceOf(toys[0]!.options, 2, { alpha: 4, inverseTemperature: 2 });
    await expectLaw(multipleTry(weigh, 3), space);
    const one = await transitionMatrix(multipleTry(weigh, 1)(space.law), space);
    const single = await transitionMatrix(singleTry(weigh)(space.law), space);
    for (const [from, row] of one.entries())
      for (const [to, mass] of row.entries()) expect(mass).toBeCloseTo(single[from]![to]!, 12);
  });

  it("would be caught selecting by other odds than the weights, in some states alone", async () => {
    const space = spaceOf(toys[0]!.options, 2, { alpha: 4, inverseTemperature: 2 });
    const skewed: KernelFamily = (target) => {
      const right = multipleTry(weigh, 2)(target);
      return {
        ...right,
        step: (state, context) => {
          const draws = context.draws(0);
          const select = state.length === 1 ? draws.select ** 1.1 : draws.select;
          return right.step(state, { ...context, draws: () => ({ ...draws, select }) });
        },
      };
    };
    expect((await violationsOf(skewed, space)).invariance).toBeGreaterThan(caught);
  });

  it("would be caught deciding by the selected try alone, without the reference set", async () => {
    const space = spaceOf(toys[0]!.options, 2, { alpha: 4, inverseTemperature: 2 });
    const alone = withRatio(
      multipleTry(weigh, 2),
      ({ target, state, proposal, cut }) =>
        logSuffixWeight(target, proposal, cut) -
        logSuffixWeight(target, state, cut) +
        Math.log(totalOf(weigh, state)) -
        Math.log(totalOf(weigh, proposal)),
    );
    expect((await violationsOf(alone, space)).invariance).toBeGreaterThan(caught);
  });
});
