import type { Completion } from "../../src/mcmc/completion.ts";
import type { Kernel, KernelFamily, StepDraws } from "../../src/mcmc/kernel.ts";
import { tempering } from "../../src/mcmc/tempering.ts";
import { cells } from "./cells.ts";
import { Replay } from "./chosen-step.ts";
import type { StateSpace } from "./state-space.ts";
import { emptyMatrix, stepsOf } from "./transition-matrix.ts";
import type { EnumeratedStep, Matrix } from "./transition-matrix.ts";

/**
 * The exact transition matrix of a step of all replicas, on the product of their state spaces, through the tempered
 * kernel itself: what the kernel does in each replica is enumerated, each swap integrated over the cells of its
 * uniform.
 */

export interface Ladder {
  /** The kernel that is tempered. */
  readonly family: KernelFamily;
  /** One per replica: the same states, weighed by its own exponent. */
  readonly spaces: readonly StateSpace[];
  /** Stands in for the sampler's swaps. */
  readonly changeDraws?: (draws: StepDraws) => StepDraws;
}

/** Something a replica may do: a step, taken or turned down. */
interface Move {
  readonly mass: number;
  readonly step: EnumeratedStep;
  /** A uniform at which that is what the kernel decides. */
  readonly accept: number;
}

async function movesOf(kernel: Kernel<Completion>, space: StateSpace): Promise<Move[][]> {
  const steps = stepsOf(kernel, space);
  const moves: Move[][] = [];
  for (const state of space.states.keys()) {
    moves.push(
      (await steps.from(state)).flatMap((step) => [
        { mass: step.mass * step.acceptance, step, accept: step.acceptance / 2 },
        ...(step.acceptance < 1
          ? [{ mass: step.mass * (1 - step.acceptance), step, accept: (1 + step.acceptance) / 2 }]
          : []),
      ]),
    );
  }
  return moves;
}

/**
 * Where one step of all replicas leads that does these moves and is given these uniforms for its swaps, hottest pair
 * last.
 */
type Land = (from: readonly number[], taken: readonly Move[], swaps: readonly number[]) => Promise<number>;

/** Tuples of states are numbered with the first replica as the highest digit. */
function landing({ family, spaces, changeDraws = (draws) => draws }: Ladder): Land {
  const kernel = tempering(
    family,
    spaces.map(({ law }) => law),
  );
  const { states, horizon } = spaces[0]!;
  // Replicas share the tokens of their completions, not the completions: those are told apart by their tokens.
  const textOf = (completion: StateSpace["states"][number]): string =>
    completion.map(({ token }) => token).join();
  const indices = new Map(states.map((state, index) => [textOf(state), index]));
  return async (from, taken, swaps) => {
    const result = await kernel.step(
      from.map((state, replica) => spaces[replica]!.states[state]!),
      {
        horizon,
        draws: (replica) => {
          const { step, accept } = taken[replica]!;
          return changeDraws({ ...step.draws, accept, swap: swaps[replica] ?? 0.5 });
        },
        propose: ({ length }, branch) => {
          const [replica, attempt] = [branch % spaces.length, Math.floor(branch / spaces.length)];
          return new Replay(spaces[replica]!.states[taken[replica]!.step.proposals[attempt]!]!, length);
        },
        earlyRejection: false,
        inTurn: false,
      },
    );
    return result!.state.reduce((number, state) => number * states.length + indices.get(textOf(state))!, 0);
  };
}

/** P[from][to] over tuples of states. */
export async function productMatrix(ladder: Ladder): Promise<Matrix> {
  const { family, spaces } = ladder;
  const land = landing(ladder);
  const moves = await Promise.all(spaces.map((space) => movesOf(family(space.law), space)));
  const swaps = swapCells(spaces.length - 1);
  const tuples = product(spaces.map(({ states }) => [...states.keys()]));
  const matrix = emptyMatrix(tuples.length);
  for (const [number, from] of tuples.entries()) {
    for (const taken of product(from.map((state, replica) => moves[replica]![state]!))) {
      const mass = taken.reduce((all, move) => all * move.mass, 1);
      for (const { width, value } of await swaps((uniforms) => land(from, taken, uniforms)))
        matrix[number]![value]! += mass * width;
    }
  }
  return matrix;
}

interface Swapped {
  readonly width: number;
  /** The tuple that is left. */
  readonly value: number;
}

/** Integrates over the uniforms of `count` swaps where they lead, and with which probability. */
function swapCells(count: number) {
  // Of the same tuple, most likely the same swaps have the same borders, however it was come to.
  const borders = new Map<string, number[]>();

  return async function visit(
    land: (swaps: readonly number[]) => Promise<number>,
    known: readonly number[] = [],
  ): Promise<Swapped[]> {
    if (known.length === count) return [{ width: 1, value: await land(known) }];
    // The hottest pair swaps first; the others are kept from swapping while its cells are found.
    const colder = new Array<number>(count - known.length - 1).fill(1 - 2 ** -53);
    const landAt = (u: number) => land([...colder, u, ...known]);
    const key = [known.length, await landAt(1 - 2 ** -53)].join();
    const near = borders.get(key) ?? [];
    borders.set(key, near);
    const found: Swapped[] = [];
    for (const { width, at } of await cells(landAt, (value) => value, near))
      for (const inner of await visit(land, [at, ...known]))
        found.push({ width: width * inner.width, value: inner.value });
    return found;
  };
}

export function product<Value>(lists: readonly (readonly Value[])[]): Value[][] {
  return lists.reduce<Value[][]>(
    (rows, list) => rows.flatMap((row) => list.map((value) => [...row, value])),
    [[]],
  );
}
