import { describe, expect, it } from "vitest";
import { uniformCut } from "../../src/mcmc/cut.ts";
import { entropyCut } from "../../src/mcmc/entropy-cut.ts";
import type { KernelFamily, StepDraws } from "../../src/mcmc/kernel.ts";
import { multipleTry } from "../../src/mcmc/multiple-try.ts";
import { singleTry } from "../../src/mcmc/single-try.ts";
import { ladder, tempering } from "../../src/mcmc/tempering.ts";
import { createToyModel, powerDistribution } from "../support/toy-model.ts";
import { anyDraws, Replay } from "../support/chosen-step.ts";
import { product, productMatrix } from "../support/product-matrix.ts";
import { stateSpace } from "../support/state-space.ts";
import type { Law, StateSpace } from "../support/state-space.ts";
import { violation } from "../support/transition-matrix.ts";

const prompt = [0, 1];

interface Size {
  readonly law: Law;
  readonly replicas: number;
  readonly vocabularySize: number;
  readonly horizon: number;
}

interface Tempered {
  readonly spaces: readonly StateSpace[];
  /** Π_i p(x_i)^{α_i} over tuples of completions. */
  readonly pi: readonly number[];
}

function temperedSpace({ law, replicas, vocabularySize, horizon }: Size): Tempered {
  const model = createToyModel({ seed: 1, vocabularySize, endBias: 1 });
  const spaces = ladder(law, replicas).map((target) => stateSpace(model, { prompt, horizon, law: target }));
  const marginals = spaces.map(({ completions, law: { alpha } }) => powerDistribution(completions, alpha));
  const pi = product(marginals).map((masses) => masses.reduce((all, mass) => all * mass, 1));
  return { spaces, pi };
}

/** Far above rounding, as in the laws of single kernels. */
const caught = 1e-6;

const flat = { alpha: 4, inverseTemperature: 1 };
const sharper = { alpha: 4, inverseTemperature: 2 };

describe("a ladder", () => {
  it("is geometric, from alpha to 1", () => {
    const alphas = ladder({ alpha: 4, inverseTemperature: 1 }, 3).map(({ alpha }) => alpha);
    expect(alphas).toEqual([4, expect.closeTo(2, 12), 1]);
    expect(ladder({ alpha: 4, inverseTemperature: 1 }, 1)).toHaveLength(1);
  });
});

interface Tempering {
  readonly name: string;
  readonly family: KernelFamily;
  readonly sizes: readonly [Size, ...Size[]];
}

describe.each<Tempering>([
  {
    name: "a single try",
    family: singleTry(uniformCut),
    sizes: [
      { law: flat, replicas: 2, vocabularySize: 3, horizon: 2 },
      { law: sharper, replicas: 2, vocabularySize: 3, horizon: 2 },
      { law: flat, replicas: 2, vocabularySize: 3, horizon: 1 },
      { law: flat, replicas: 3, vocabularySize: 3, horizon: 1 },
    ],
  },
  {
    name: "several tries",
    family: multipleTry(entropyCut, 2),
    sizes: [
      { law: flat, replicas: 2, vocabularySize: 2, horizon: 2 },
      { law: sharper, replicas: 2, vocabularySize: 2, horizon: 2 },
      { law: flat, replicas: 2, vocabularySize: 3, horizon: 1 },
    ],
  },
])("tempering $name", ({ family, sizes }) => {
  it.each(sizes)("leaves the product of the replicas' laws invariant, and says so: %j", async (size) => {
    const { spaces, pi } = temperedSpace(size);
    const matrix = await productMatrix({ family, spaces });
    for (const row of matrix) expect(row.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(1, 10);
    expect(violation(matrix, pi)).toBeLessThan(1e-12);
    // Swaps do happen: without them no row could reach the tuple turned round.
    const [first, last] = [1, spaces[0]!.states.length];
    if (size.replicas === 2) expect(matrix[first]![last]).toBeGreaterThan(0);

    const { logLaw } = tempering(family, ladder(size.law, size.replicas));
    const declared = product(spaces.map(({ states }) => states)).map((states) => Math.exp(logLaw(states)));
    const total = declared.reduce((sum, mass) => sum + mass, 0);
    for (const [index, mass] of declared.entries()) expect(mass / total).toBeCloseTo(pi[index]!, 12);
  });

  it("takes the rows of all replicas", () => {
    const { rowsPerStep } = family(flat);
    expect(tempering(family, ladder(flat, 3)).rowsPerStep).toBe(3 * rowsPerStep);
  });

  it("draws each try of each replica by uniforms of its own", async () => {
    const { spaces } = temperedSpace(sizes[0]);
    const branches: number[] = [];
    await tempering(family, ladder(flat, 2)).step(
      spaces.map(({ states }) => states[0]!),
      {
        horizon: 2,
        draws: () => anyDraws,
        propose: ({ length }, branch) => {
          branches.push(branch);
          return new Replay(spaces[0]!.states[0]!, length);
        },
        earlyRejection: false,
        inTurn: false,
      },
    );
    expect(branches.sort()).toEqual([...Array(2 * family(flat).rowsPerStep).keys()]);
  });

  it("would be caught swapping always", async () => {
    const { spaces, pi } = temperedSpace(sizes[0]);
    const changeDraws = (draws: StepDraws): StepDraws => ({ ...draws, swap: 1e-300 });
    expect(violation(await productMatrix({ family, spaces, changeDraws }), pi)).toBeGreaterThan(caught);
  });

  it("would be caught weighing a swap by another law than the replicas have", async () => {
    const { spaces, pi } = temperedSpace(sizes[0]);
    const declaring: KernelFamily = (target) => ({
      ...family(target),
      logLaw: family({ ...target, alpha: target.alpha === 1 ? 2 : target.alpha }).logLaw,
    });
    expect(violation(await productMatrix({ family: declaring, spaces }), pi)).toBeGreaterThan(caught);
  });

  it("counts a step that some replica had no budget for as not taken", async () => {
    const { spaces } = temperedSpace(sizes[0]);
    const states = spaces.map((space) => space.states.find(({ length }) => length > 1)!);
    const step = await tempering(family, ladder(flat, 2)).step(states, {
      horizon: 2,
      draws: () => anyDraws,
      propose: ({ length }, branch) => new Replay(branch % 2 === 0 ? states[0]! : [], length),
      earlyRejection: true,
      inTurn: false,
    });
    expect(step).toBeUndefined();
  });
});
