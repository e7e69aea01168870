import { describe, expect, it } from "vitest";
import { configurations } from "../../../src/evaluation/configurations.ts";

const names = (...args: Parameters<typeof configurations>): string[] =>
  configurations(...args).map(({ name }) => name);

describe("configurations", () => {
  it("give each sampler the settings that mean something to it", () => {
    expect(names(["standard", "smc", "maximize", "power"], { alpha: [2], mcmc_steps: [0, 5] })).toEqual([
      "standard",
      "smc, alpha 2",
      "maximize, mcmc_steps 0",
      "maximize, mcmc_steps 5",
      "power, alpha 2, mcmc_steps 0",
      "power, alpha 2, mcmc_steps 5",
    ]);
  });

  it("are asked once each, however often they were named", () => {
    expect(names(["greedy", "power", "greedy"], { alpha: [2, 2] })).toEqual(["greedy", "power, alpha 2"]);
  });

  it("refuse a setting that none of the samplers has", () => {
    expect(() => names(["standard", "smc"], { mcmc_steps: [5] })).toThrow(
      "--steps means nothing to standard, smc. Leave it out, or add power or maximize to --samplers.",
    );
  });
});
