import { describe, expect, it } from "vitest";
import { completionsHeld, settle } from "../../../src/samplers/registry.ts";
import type { SamplerDefaults } from "../../../src/samplers/sampler.ts";

const none: SamplerDefaults = { alpha: 4, mcmcSteps: undefined, blockSize: undefined };
const maxTokens = 64;
const context = { defaults: none, vocabularySize: 9, maxTokens, stop: [], candidates: 1, n: 1 };

const settled = (given: object, defaults: Partial<SamplerDefaults> = {}) =>
  settle("power", { ...given }, { ...context, defaults: { ...none, ...defaults } });

const particles = { warmUp: { name: "particles", particles: 10 }, mcmcSteps: 1, blockSize: maxTokens };

describe("the warm-up of power sampling", () => {
  it("is by particles for a model that brings none", () => {
    expect(settled({})).toMatchObject(particles);
    expect(settled({ kernel: "tempering" })).toMatchObject({ ...particles, proposalTemperature: 1 });
    expect(settled({ alpha: 2, cut: "entropy" })).toMatchObject({ ...particles, proposalTemperature: 0.5 });
  });

  it.each([
    [{ mcmc_steps: 7 }, { mcmcSteps: 7 }],
    [{ warm_up_particles: 3 }, { warmUp: { name: "particles", particles: 3 } }],
    [{ warm_up: "particles" }, {}],
    [{ alpha: 1, warm_up: "particles" }, {}],
  ])("takes what %j says", (given, changes) => {
    expect(settled(given)).toMatchObject({ ...particles, ...changes });
  });

  it.each([
    [{ warm_up: "blocks" }, {}, { blockSize: 4, mcmcSteps: 10 }],
    [{ block_size: 8 }, {}, { blockSize: 8, mcmcSteps: 10 }],
    [{ schedule: "until_finished" }, {}, { blockSize: 4, mcmcSteps: 10, schedule: "until_finished" }],
    [{ alpha: 1 }, {}, { blockSize: 4, mcmcSteps: 10 }],
    [{}, { blockSize: 3 }, { blockSize: 3, mcmcSteps: 10 }],
    [{}, { mcmcSteps: 5 }, { blockSize: 4, mcmcSteps: 5 }],
    [{ mcmc_steps: 0 }, { mcmcSteps: 5, blockSize: 6 }, { blockSize: 6, mcmcSteps: 0 }],
  ])("is by blocks where the request says %j and the model %j", (given, defaults, expected) => {
    expect(settled(given, defaults)).toMatchObject({ warmUp: { name: "blocks" }, ...expected });
  });

  it("is by particles where a request asks a model with blocks of its own, with its steps", () => {
    const own = { mcmcSteps: 5, blockSize: 3 };
    expect(settled({ warm_up: "particles" }, own)).toMatchObject({ ...particles, mcmcSteps: 5 });
    expect(settled({ warm_up_particles: 2 }, own)).toMatchObject({
      warmUp: { name: "particles", particles: 2 },
      blockSize: maxTokens,
    });
  });

  it.each([
    [{ warm_up: "blocks", warm_up_particles: 4 }, "warm_up_particles"],
    [{ warm_up: "particles", block_size: 4 }, "block_size"],
    [{ warm_up: "particles", schedule: "full" }, "schedule"],
    [{ warm_up_particles: 4, block_size: 4 }, "block_size"],
  ])("refuses %j, naming what has no meaning", (given, param) => {
    expect(() => settled(given)).toThrow(expect.objectContaining({ code: "invalid_request", param }));
  });

  it("counts what it holds side by side", () => {
    expect(completionsHeld("power", {}, none)).toBe(10);
    expect(completionsHeld("power", { warm_up: "blocks" }, none)).toBe(1);
    expect(completionsHeld("power", {}, { ...none, blockSize: 3 })).toBe(1);
    expect(completionsHeld("power", { warm_up_particles: 2, kernel: "multiple_try", tries: 8 }, none)).toBe(
      8,
    );
    expect(completionsHeld("power", { warm_up_particles: 5, kernel: "tempering", replicas: 3 }, none)).toBe(
      15,
    );
  });

  it("leaves the search as it was", () => {
    expect(settle("maximize", {}, context)).toMatchObject({ mcmcSteps: 10, blockSize: 4 });
  });
});
