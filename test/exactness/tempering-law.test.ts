import { describe, expect, it } from "vitest";
import { uniformCut } from "../../src/mcmc/cut.ts";
import type { Completion } from "../../src/mcmc/completion.ts";
import type { StepDraws } from "../../src/mcmc/kernel.ts";
import { singleTry } from "../../src/mcmc/single-try.ts";
import { ladder, stepReplicas } from "../../src/mcmc/tempering.ts";
import type { PowerTarget } from "../../src/mcmc/target.ts";
import { createToyModel, powerDistribution } from "../support/toy-model.ts";
import {
  anyDraws,
  cells,
  enumerateSteps,
  replay,
  stateSpace,
  violation,
} from "../support/transition-matrix.ts";
import type { EnumeratedStep, StateSpace } from "../support/transition-matrix.ts";

/**
 * The exact transition matrix of a step of all replicas, on the product of their state spaces, through `stepReplicas`
 * itself: what each kernel does is enumerated, each swap integrated over the cells of its uniform.
 */

const prompt = [0, 1];
const kernel = singleTry(uniformCut);

const textOf = (completion: Completion): string => completion.map(({ token }) => token).join();

interface Ladder {
  readonly targets: readonly PowerTarget[];
  /** One per replica: the same states, weighed by its own exponent. */
  readonly spaces: readonly StateSpace[];
  /** Stands in for the sampler's swaps. */
  readonly changeDraws?: (draws: StepDraws) => StepDraws;
}

/** Something a replica may do: a step, taken or turned down. */
interface Move {
  readonly mass: number;
  readonly to: number;
  readonly step: EnumeratedStep;
  readonly accept: number;
}

async function movesOf(space: StateSpace, from: number): Promise<Move[]> {
  const moves: Move[] = [];
  for await (const step of enumerateSteps(kernel, space, from)) {
    const { mass, to, acceptance } = step;
    moves.push({ mass: mass * acceptance, to, step, accept: acceptance / 2 });
    if (acceptance < 1) {
      const accept = (1 + acceptance) / 2;
      moves.push({ mass: mass * (1 - acceptance), to: from, step, accept });
    }
  }
  return moves;
}

/** P[from][to] over tuples of states, numbered with the first replica as the highest digit. */
async function productMatrix({
  targets,
  spaces,
  changeDraws = (draws) => draws,
}: Ladder): Promise<number[][]> {
  const { states, horizon } = spaces[0]!;
  const indexOf = new Map(states.map((state, index) => [textOf(state), index]));
  const size = states.length ** targets.length;
  const matrix = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  const numberOf = (tuple: readonly number[]): number =>
    tuple.reduce((number, index) => number * states.length + index, 0);
  const moves = await Promise.all(
    spaces.map((space) => Promise.all(states.map((_, from) => movesOf(space, from)))),
  );

  for (const from of product(targets.map(() => [...states.keys()]))) {
    for (const taken of product(from.map((state, replica) => moves[replica]![state]!))) {
      const mass = taken.reduce((all, move) => all * move.mass, 1);
      const land = async (swaps: readonly number[]): Promise<number> => {
        const result = await stepReplicas(
          from.map((state, replica) => spaces[replica]!.states[state]!),
          {
            targets,
            kernel,
            horizon,
            draws: (replica) => {
              const { step, accept } = taken[replica]!;
              return changeDraws({ ...step.draws, accept, swap: swaps[replica] ?? 0.5 });
            },
            propose: (replica, cut) => replay(spaces[replica]!.states[taken[replica]!.step.to]!.slice(cut)),
            earlyRejection: false,
          },
        );
        return numberOf(result!.states.map((state) => indexOf.get(textOf(state))!));
      };
      for (const { width, value } of await swapCells(land, targets.length - 1))
        matrix[numberOf(from)]![value]! += mass * width;
    }
  }
  return matrix;
}

/** Where the uniforms of all swaps lead, and with which probability. Swaps of the same tuples are alike. */
async function swapCells(
  land: (swaps: readonly number[]) => Promise<number>,
  count: number,
  known: readonly number[] = [],
): Promise<{ width: number; value: number }[]> {
  if (count === 0) return [{ width: 1, value: await land(known) }];
  // The hottest pair swaps first; the others are kept from swapping while its cells are found.
  const colder = new Array<number>(count - 1).fill(1 - 2 ** -53);
  const found: { width: number; value: number }[] = [];
  let reached = 0;
  for (const { width } of await cells(
    (u) => land([...colder, u, ...known]),
    (value) => value,
  )) {
    const middle = reached + width / 2;
    reached += width;
    for (const inner of await swapCells(land, count - 1, [middle, ...known]))
      found.push({ width: width * inner.width, value: inner.value });
  }
  return found;
}

function product<Value>(lists: readonly (readonly Value[])[]): Value[][] {
  return lists.reduce<Value[][]>(
    (rows, list) => rows.flatMap((row) => list.map((value) => [...row, value])),
    [[]],
  );
}

function ladderOf(
  law: { alpha: number; inverseTemperature: number },
  { replicas, horizon }: { replicas: number; horizon: number },
): Ladder & { readonly pi: number[] } {
  const model = createToyModel({ seed: 1, vocabularySize: 3, endBias: 1 });
  const targets = ladder(law, replicas);
  const spaces = targets.map((target) => stateSpace(model, { prompt, horizon, law: target }));
  const marginals = targets.map(({ alpha }) => powerDistribution(spaces[0]!.completions, alpha));
  const pi = product(marginals).map((masses) => masses.reduce((all, mass) => all * mass, 1));
  return { targets, spaces, pi };
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
    const { pi, targets, spaces } = ladderOf(
      { alpha: 4, inverseTemperature: 1 },
      { replicas: 2, horizon: 2 },
    );
    const wrong = targets.map((target, replica) => ({ ...target, alpha: replica === 1 ? 2 : target.alpha }));
    expect(violation(await productMatrix({ targets: wrong, spaces }), pi)).toBeGreaterThan(1e-6);
  });

  it("counts a step that some replica had no budget for as not taken", async () => {
    const { targets, spaces } = ladderOf({ alpha: 4, inverseTemperature: 1 }, { replicas: 2, horizon: 2 });
    const states = spaces.map((space) => space.states[3]!);
    const step = await stepReplicas(states, {
      targets,
      kernel,
      horizon: 2,
      draws: () => anyDraws,
      propose: (replica, cut) => replay(replica === 0 ? states[0]!.slice(cut) : []),
      earlyRejection: true,
    });
    expect(step).toBeUndefined();
  });
});
