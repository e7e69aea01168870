import { describe, expect, it } from "vitest";
import { uniformCut } from "../../src/mcmc/cut.ts";
import type { StepDraws } from "../../src/mcmc/kernel.ts";
import { singleTry } from "../../src/mcmc/single-try.ts";
import { ladder, stepReplicas } from "../../src/mcmc/tempering.ts";
import { createToyModel, powerDistribution } from "../support/toy-model.ts";
import { anyDraws, Replay } from "../support/chosen-step.ts";
import { product, productMatrix } from "../support/product-matrix.ts";
import type { Ladder } from "../support/product-matrix.ts";
import { stateSpace } from "../support/state-space.ts";
import { violation } from "../support/transition-matrix.ts";

const prompt = [0, 1];
const kernel = singleTry(uniformCut);

function ladderOf(
  law: { alpha: number; inverseTemperature: number },
  { replicas, horizon }: { replicas: number; horizon: number },
): Ladder & { readonly pi: number[] } {
  const model = createToyModel({ seed: 1, vocabularySize: 3, endBias: 1 });
  const targets = ladder(law, replicas);
  const spaces = targets.map((target) => stateSpace(model, { prompt, horizon, law: target }));
  const marginals = targets.map(({ alpha }) => powerDistribution(spaces[0]!.completions, alpha));
  const pi = product(marginals).map((masses) => masses.reduce((all, mass) => all * mass, 1));
  return { kernel, targets, spaces, pi };
}

describe("tempering", () => {
  it("has a geometric ladder from alpha to 1", () => {
    const alphas = ladder({ alpha: 4, inverseTemperature: 1 }, 3).map(({ alpha }) => alpha);
    expect(alphas).toEqual([4, expect.closeTo(2, 12), 1]);
    expect(ladder({ alpha: 4, inverseTemperature: 1 }, 1)).toHaveLength(1);
  });

  it.each([
    { law: { alpha: 4, inverseTemperature: 1 }, replicas: 2, horizon: 1 },
    { law: { alpha: 4, inverseTemperature: 1 }, replicas: 3, horizon: 1 },
    { law: { alpha: 4, inverseTemperature: 1 }, replicas: 2, horizon: 2 },
    { law: { alpha: 4, inverseTemperature: 2 }, replicas: 2, horizon: 2 },
  ])("leaves the product of the replicas' laws invariant: %j", async ({ law, ...size }) => {
    const { pi, ...replicas } = ladderOf(law, size);
    const matrix = await productMatrix(replicas);
    for (const row of matrix) expect(row.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(1, 10);
    expect(violation(matrix, pi)).toBeLessThan(1e-12);
    // Swaps do happen: without them no row could reach the tuple turned round.
    const [first, last] = [1, replicas.spaces[0]!.states.length];
    if (size.replicas === 2) expect(matrix[first]![last]).toBeGreaterThan(0);
  });

  it("would be caught swapping always", async () => {
    const { pi, ...replicas } = ladderOf({ alpha: 4, inverseTemperature: 1 }, { replicas: 2, horizon: 2 });
    const always = (draws: StepDraws): StepDraws => ({ ...draws, swap: 1e-300 });
    expect(violation(await productMatrix({ ...replicas, changeDraws: always }), pi)).toBeGreaterThan(1e-6);
  });

  it("would be caught weighing a swap by other exponents than the replicas'", async () => {
    const { pi, targets, ...rest } = ladderOf(
      { alpha: 4, inverseTemperature: 1 },
      { replicas: 2, horizon: 2 },
    );
    const wrong = targets.map((target, replica) => ({ ...target, alpha: replica === 1 ? 2 : target.alpha }));
    expect(violation(await productMatrix({ targets: wrong, ...rest }), pi)).toBeGreaterThan(1e-6);
  });

  it("counts a step that some replica had no budget for as not taken", async () => {
    const { targets, spaces } = ladderOf({ alpha: 4, inverseTemperature: 1 }, { replicas: 2, horizon: 2 });
    const states = spaces.map((space) => space.states[3]!);
    const step = await stepReplicas(states, {
      targets,
      kernel,
      horizon: 2,
      draws: () => anyDraws,
      propose: (replica, cut) => new Replay(replica === 0 ? states[0]! : [], cut),
      earlyRejection: true,
    });
    expect(step).toBeUndefined();
  });
});
