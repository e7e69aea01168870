import type { Kernel, StepDraws } from "../../src/mcmc/kernel.ts";
import { cells } from "./cells.ts";
import type { Cell } from "./cells.ts";
import { anyDraws, takerOf } from "./chosen-step.ts";
import type { ChosenStep, TakenStep, TakeStep } from "./chosen-step.ts";
import type { SharedPrefix, StateSpace } from "./state-space.ts";

/**
 * Exact transition matrices, built through the kernel's own code: its discrete choices (the suffixes) are enumerated,
 * the uniforms that make its other choices are integrated over their cells.
 */

/** P[from][to]. */
export type Matrix = readonly Float64Array[];

export const emptyMatrix = (size: number): Matrix =>
  Array.from({ length: size }, () => new Float64Array(size));

/** A step taken with chosen suffixes, and what is to be expected of it. */
export interface EnumeratedStep {
  /** Probability of the cut, of the suffixes and of the selection among them. */
  readonly mass: number;
  /** Index of the proposed completion. */
  readonly to: number;
  /** Probability that it is accepted. */
  readonly acceptance: number;
  readonly draws: StepDraws;
  /** Indices of the completions proposed, one per attempt. */
  readonly proposals: readonly number[];
}

/** Enumerates all that one step of a kernel may do, state by state. */
export function stepsOf(kernel: Kernel, space: StateSpace, attempts = 1) {
  const take = takerOf(kernel, space, attempts);
  // Where the same suffixes follow the same tokens, selections most likely have the same borders, whatever the state.
  const borders = new Map<string, number[]>();

  /** Which of the suffixes proposed the step decides about. */
  async function selectionsOf(
    { from, proposals, draws }: ChosenStep,
    cut: number,
  ): Promise<Cell<TakenStep>[]> {
    const takeAt = (select: number) => take({ from, proposals, draws: { ...draws, select } });
    if (attempts === 1) return [{ width: 1, at: draws.select, value: await takeAt(draws.select) }];
    const key = [cut, ...proposals].join();
    const near = borders.get(key) ?? [];
    borders.set(key, near);
    return await cells(takeAt, ({ attempt }) => attempt, near);
  }

  async function from(state: number): Promise<EnumeratedStep[]> {
    const found: EnumeratedStep[] = [];
    const itself = Array.from({ length: attempts }, () => state);
    const cuts = await cells(
      (cut) => take({ from: state, proposals: itself, draws: { ...anyDraws, cut } }),
      ({ info }) => info.cut,
    );
    for (const { width, at, value } of cuts) {
      const { cut } = value.info;
      const draws = { ...anyDraws, cut: at };
      for (const { proposals, mass } of tuples(space.sharing(state, cut), attempts)) {
        for (const selection of await selectionsOf({ from: state, proposals, draws }, cut)) {
          const { info, attempt } = selection.value;
          found.push({
            mass: width * mass * selection.width,
            to: proposals[attempt]!,
            acceptance: Math.min(1, Math.exp(info.logRatio)),
            draws: { ...draws, select: selection.at },
            proposals,
          });
        }
      }
    }
    return found;
  }
  return { take, from };
}

/** All choices of `length` suffixes drawn independently, each with its probability. */
function tuples(
  suffixes: readonly SharedPrefix[],
  length: number,
): { readonly proposals: readonly number[]; readonly mass: number }[] {
  if (length === 0) return [{ proposals: [], mass: 1 }];
  const rest = tuples(suffixes, length - 1);
  return suffixes.flatMap(({ index, mass }) =>
    rest.map((others) => ({ proposals: [index, ...others.proposals], mass: mass * others.mass })),
  );
}

/** P[from][to] of one step of the kernel, whose decisions are held to the ratio that it reports. */
export async function transitionMatrix(kernel: Kernel, space: StateSpace, attempts = 1): Promise<Matrix> {
  const steps = stepsOf(kernel, space, attempts);
  const matrix = emptyMatrix(space.states.length);
  for (const [from, row] of matrix.entries()) {
    for (const step of await steps.from(from)) {
      const { to, mass, acceptance } = step;
      if (from !== to) await checkDecision(steps.take, from, step);
      row[to]! += mass * acceptance;
      row[from]! += mass * (1 - acceptance);
    }
  }
  return matrix;
}

/** The kernel accepts just below the probability it reports, and rejects just above. */
async function checkDecision(take: TakeStep, from: number, { acceptance, draws, proposals }: EnumeratedStep) {
  const expected: [number, string][] = [[acceptance * (1 - 1e-9), "accepted"]];
  if (acceptance < 1 - 1e-6) expected.push([Math.min(1 - 1e-12, acceptance * (1 + 1e-9)), "rejected"]);
  for (const [accept, outcome] of expected) {
    const { info } = await take({ from, proposals, draws: { ...draws, accept } });
    if (info.outcome !== outcome) throw new Error(`${info.outcome} at ${accept} of ${acceptance}`);
  }
}

/** max|πP − π|. */
export function violation(matrix: Matrix, pi: readonly number[]): number {
  const moved = new Float64Array(pi.length);
  for (const [from, row] of matrix.entries())
    for (const [to, mass] of row.entries()) moved[to]! += pi[from]! * mass;
  return Math.max(...moved.map((mass, index) => Math.abs(mass - pi[index]!)));
}

/** max|π_i P_ij − π_j P_ji|. */
export function detailedBalanceViolation(matrix: Matrix, pi: readonly number[]): number {
  let worst = 0;
  for (const [i, row] of matrix.entries()) {
    for (const [j, forward] of row.entries()) {
      worst = Math.max(worst, Math.abs(pi[i]! * forward - pi[j]! * matrix[j]![i]!));
    }
  }
  return worst;
}
