import { describe, expect, it } from "vitest";
import type { Completion } from "../../src/mcmc/completion.ts";
import { uniformCut } from "../../src/mcmc/cut.ts";
import type { Kernel, Walk } from "../../src/mcmc/kernel.ts";
import { multipleTry } from "../../src/mcmc/multiple-try.ts";
import { draftedByParticles } from "../../src/mcmc/particle-draft.ts";
import { horizons } from "../../src/mcmc/schedule.ts";
import { singleTry } from "../../src/mcmc/single-try.ts";
import { Stages } from "../../src/mcmc/stages.ts";
import { anyDraws } from "../support/chosen-step.ts";
import { settle } from "../../src/samplers/registry.ts";
import type { SettingsOf } from "../../src/samplers/registry.ts";
import { createToyModel, powerDistribution } from "../support/toy-model.ts";
import { stateSpace } from "../support/state-space.ts";
import { emptyMatrix, transitionMatrix, violation } from "../support/transition-matrix.ts";
import type { Matrix } from "../support/transition-matrix.ts";

/**
 * The last stage of a chain as its driver runs it: what state it ends in from every state that it may begin in, over all
 * that its kernel's own steps may come to. However a warm-up brings the chain there, and whatever that depends on, the
 * stage takes the steps that were fixed before, and leaves p^α invariant.
 */

const horizon = 2;
const space = stateSpace(createToyModel({ seed: 1, vocabularySize: 3, endBias: 1 }), {
  prompt: [0, 1],
  horizon,
  law: { alpha: 4, inverseTemperature: 4 },
});
const pi = powerDistribution(space.completions, 4);
const caught = 1e-6;
const rounding = 1e-12;

/** Decides in mid-stage, from what the walk comes to, that the stage is over: what a warm-up may do and a stage not. */
type Meddle = (state: Completion, previous: Completion | undefined) => boolean;

interface Script {
  readonly from: number;
  readonly steps: readonly number[];
}

/** Runs the stages with the last one's states as scripted. @returns how many of its steps were asked for */
async function replay(
  settings: SettingsOf<"power">,
  { from, steps }: Script,
  meddle: Meddle,
): Promise<number> {
  const ending = new AbortController();
  let asked = 0;
  const { states } = space;
  const meet = (state: Completion, previous?: Completion): void => {
    if (meddle(state, previous)) ending.abort();
  };
  const walk: Walk<Completion> = {
    start: [],
    draft: (_, context) => {
      const isLast = context.horizon === horizon;
      const state = isLast ? states[from]! : states[from]!.slice(0, context.horizon);
      if (isLast) meet(state);
      return Promise.resolve({ state, drawnTokens: 0, isComplete: true });
    },
    step: (state, context) => {
      const isLast = context.horizon === horizon;
      const next = isLast ? states[steps[asked++] ?? from]! : state;
      if (isLast) meet(next, state);
      const info = { outcome: "accepted", cut: 0, suffix: next, logRatio: 0, drawnTokens: 0 } as const;
      return Promise.resolve({ state: next, info });
    },
    answer: (state) => state,
  };
  const stages = new Stages(walk, {
    horizons: horizons(horizon, settings.blockSize),
    stepsPerBlock: settings.mcmcSteps,
    schedule: settings.schedule,
    earlyRejection: true,
    inTurn: true,
    ending: ending.signal,
    draws: () => anyDraws,
    extend: () => {
      throw new Error("all is scripted");
    },
    candidates: () => {
      throw new Error("all is scripted");
    },
  });
  for await (const _event of stages.run());
  return asked;
}

/** P[from][to] of the whole stage, over all that its steps may come to. */
async function stageMatrix(step: Matrix, settings: SettingsOf<"power">, meddle: Meddle = () => false) {
  const matrix = emptyMatrix(space.states.length);
  const visit = async (from: number, steps: readonly number[], mass: number): Promise<void> => {
    const asked = await replay(settings, { from, steps }, meddle);
    const last = steps.at(-1) ?? from;
    if (asked <= steps.length) {
      matrix[from]![last]! += mass;
      return;
    }
    for (const [to, chance] of step[last]!.entries())
      if (chance > 0) await visit(from, [...steps, to], mass * chance);
  };
  for (const from of space.states.keys()) await visit(from, [], 1);
  return matrix;
}

const settingsOf = (given: Readonly<Record<string, unknown>>): SettingsOf<"power"> => {
  const defaults = { alpha: 4, mcmcSteps: undefined, blockSize: undefined };
  const context = { defaults, vocabularySize: 3, maxTokens: horizon, stop: [], candidates: 1, n: 1 };
  const settled = settle("power", given, context);
  if (settled.sampler !== "power") throw new Error("not settled for power");
  return settled;
};

const settings = {
  "blocks and 2 steps": settingsOf({ warm_up: "blocks", block_size: 1, mcmc_steps: 2 }),
  "particles and 2 steps": settingsOf({ warm_up: "particles", mcmc_steps: 2 }),
  "particles and a single step": settingsOf({ warm_up_particles: 3, mcmc_steps: 1 }),
};
const single = singleTry(uniformCut)(space.law);
const kernels: Record<string, Kernel<Completion>> = {
  "single try": draftedByParticles(singleTry(uniformCut), 3)(space.law),
  "two tries": draftedByParticles(multipleTry(uniformCut, 2), 3)(space.law),
};

describe.each(Object.entries(settings))("the last stage after %s", (_, given) => {
  it.each(Object.entries(kernels))("leaves p^alpha invariant: %s", async (_name, kernel) => {
    const stage = await stageMatrix(await transitionMatrix(kernel, space), given);
    for (const row of stage) expect(row.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(1, 10);
    expect(violation(stage, pi)).toBeLessThan(rounding);
  });
});

describe("a warm-up that reaches into the last stage", () => {
  const given = settings["particles and 2 steps"];

  it.each<[string, Meddle]>([
    [
      "takes one step less where it began in an end",
      (state, previous) => previous === undefined && state.length === 1,
    ],
    ["ends once a step has moved", (state, previous) => previous !== undefined && state !== previous],
    [
      "ends where the completion is likely",
      (state) => state.reduce((sum, { logprob }) => sum + logprob, 0) > -1,
    ],
    ["ends where the completion closes as it does most often", (state) => state.at(-1)!.token === 0],
  ])("would be caught: it %s", async (_, meddle) => {
    const stage = await stageMatrix(await transitionMatrix(single, space), given, meddle);
    for (const row of stage) expect(row.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(1, 10);
    expect(violation(stage, pi)).toBeGreaterThan(caught);
  });
});

describe("the kernel after particles", () => {
  it("is the kernel without them", async () => {
    const drafted = await transitionMatrix(kernels["single try"]!, space);
    const plain = await transitionMatrix(single, space);
    expect(drafted).toEqual(plain);
  });
});
