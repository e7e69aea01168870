import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { StepsUnderWay } from "../../../src/mcmc/prefetch-policy.ts";
import { StepHabits, StepsAhead } from "../../../src/mcmc/step-ahead.ts";
import type { DecidedStep } from "../../../src/mcmc/step-ahead.ts";
import type { RunningStep } from "../../../src/mcmc/step-ahead.ts";

const free = { evaluatedTokens: 0 };

/** Steps that last until they are told how they end, or are called off. */
class Steps {
  readonly begun: number[] = [];
  readonly calledOff: number[] = [];
  readonly #ends = new Map<number, (moved: boolean) => void>();

  readonly begin = (step: number): RunningStep<boolean> => {
    const place = this.begun.push(step) - 1;
    let callOff!: () => void;
    const result = new Promise<boolean>((resolve, reject) => {
      this.#ends.set(step, resolve);
      callOff = () => {
        this.calledOff.push(place);
        reject(new Error("called off"));
      };
    });
    return { result, cost: free, callOff };
  };

  end(step: number, moved: boolean): void {
    this.#ends.get(step)!(moved);
  }

  run(): AsyncGenerator<DecidedStep<boolean>, void, undefined> {
    return new StepsAhead({
      steps: 10,
      begin: this.begin,
      hasMoved: (moved) => moved,
      prefetch: ({ count }) => count < 4,
      habits: new StepHabits(),
    }).decided();
  }
}

/** A step that is not decided when the event loop turns for the first time. */
async function afterTwoTurns(): Promise<boolean> {
  await setImmediate();
  await setImmediate();
  return false;
}

describe("steps begun ahead", () => {
  it("are none while steps are decided at once, as from a memo", async () => {
    let underWay = 0;
    const chain = new StepsAhead({
      steps: 10,
      begin: () => {
        expect(++underWay).toBe(1);
        return { result: Promise.resolve(false), cost: free, callOff: () => undefined };
      },
      hasMoved: (moved) => moved,
      prefetch: () => true,
      habits: new StepHabits(),
    }).decided();
    for await (const { result: moved } of chain) {
      expect(moved).toBe(false);
      underWay--;
    }
  });

  it("are called off by a step that moves the chain, and begun anew from where it went", async () => {
    const steps = new Steps();
    const chain = steps.run();
    const first = chain.next();
    await setImmediate();
    // At first a step is taken to move the chain one time in two: a fourth would be used one time in eight.
    expect(steps.begun).toEqual([1, 2, 3]);
    steps.end(1, true);
    expect(await first).toEqual({ done: false, value: { result: true, cost: free } });
    expect(steps.calledOff).toEqual([1, 2]);
    const second = chain.next();
    await setImmediate();
    expect(steps.begun.slice(3)).toEqual([2, 3]);
    steps.end(2, false);
    await second;
    expect(steps.calledOff).toEqual([1, 2]);
    await chain.return();
    const unused = [...steps.begun.keys()].filter((place) => place >= 4);
    expect(steps.calledOff).toEqual([1, 2, ...unused]);
  });

  it("are told to the policy with how often steps moved the chain and waited for the model", async () => {
    const told: StepsUnderWay[] = [];
    const chain = new StepsAhead({
      steps: 5,
      begin: () => ({ result: afterTwoTurns(), cost: free, callOff: () => undefined }),
      hasMoved: (moved) => moved,
      prefetch: (underWay) => {
        told.push(underWay);
        return false;
      },
      habits: new StepHabits(),
    }).decided();
    for await (const { result: moved } of chain) expect(moved).toBe(false);
    const ofFirst = told.filter(({ count }) => count === 1);
    expect(ofFirst[0]).toMatchObject({ survival: 1 / 2, waiting: 1 / 2 });
    expect(ofFirst.at(-1)).toMatchObject({ survival: 4 / 5, waiting: 4 / 5 });
  });
});
