import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { StepHabits, stepAhead } from "../../../src/mcmc/step-ahead.ts";

/** Steps that last until they are told how they end, or are called off. */
class Steps {
  readonly begun: { readonly step: number; readonly signal: AbortSignal | undefined }[] = [];
  readonly #ends = new Map<number, (moved: boolean) => void>();

  readonly begin = (step: number, signal: AbortSignal | undefined): Promise<boolean> => {
    this.begun.push({ step, signal });
    return new Promise((resolve, reject) => {
      this.#ends.set(step, resolve);
      signal?.addEventListener("abort", () => {
        reject(new Error("called off"));
      });
    });
  };

  end(step: number, moved: boolean): void {
    this.#ends.get(step)!(moved);
  }

  run(signal?: AbortSignal): AsyncGenerator<boolean, void, undefined> {
    return stepAhead({
      steps: 10,
      begin: this.begin,
      hasMoved: (moved) => moved,
      prefetch: ({ count }) => count < 4,
      habits: new StepHabits(),
      signal,
    });
  }
}

describe("steps begun ahead", () => {
  it("are none while steps are decided at once, as from a memo", async () => {
    const begun: (AbortSignal | undefined)[] = [];
    const chain = stepAhead({
      steps: 10,
      begin: (_, signal) => {
        begun.push(signal);
        return Promise.resolve(false);
      },
      hasMoved: (moved) => moved,
      prefetch: () => true,
      habits: new StepHabits(),
    });
    for await (const moved of chain) expect(moved).toBe(false);
    expect(begun).toEqual(Array(10).fill(undefined));
  });

  it("are called off by a step that moves the chain, and begun anew from where it went", async () => {
    const steps = new Steps();
    const chain = steps.run();
    const first = chain.next();
    await setImmediate();
    // At first a step is taken to move the chain one time in two: a fourth would be used one time in eight.
    expect(steps.begun.map(({ step }) => step)).toEqual([1, 2, 3]);
    steps.end(1, true);
    expect(await first).toEqual({ done: false, value: true });
    expect(steps.begun.map(({ signal }) => signal?.aborted)).toEqual([undefined, true, true]);
    const second = chain.next();
    await setImmediate();
    const anew = steps.begun.slice(3);
    expect(anew[0]).toEqual({ step: 2, signal: undefined });
    expect(anew.slice(1).every(({ signal }) => signal?.aborted === false)).toBe(true);
    steps.end(2, false);
    await second;
    await chain.return();
    expect(anew.slice(1).every(({ signal }) => signal?.aborted)).toBe(true);
  });

  it("end with the chain, the one that became the next step included", async () => {
    const request = new AbortController();
    const steps = new Steps();
    const chain = steps.run(request.signal);
    const first = chain.next();
    await setImmediate();
    steps.end(1, false);
    await first;
    const second = chain.next();
    await setImmediate();
    const begun = steps.begun.length;
    request.abort();
    await expect(second).rejects.toThrow("called off");
    expect(steps.begun).toHaveLength(begun);
  });
});
