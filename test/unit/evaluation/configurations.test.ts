import { describe, expect, it } from "vitest";
import { samplerNames } from "../../../src/samplers/registry.ts";
import type { ModelInfo } from "../../../src/decoder/completer.ts";
import { configurations } from "../../../src/evaluation/configurations.ts";
import { planSampling } from "../../../src/server/sampling-plan.ts";

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

  it("take the settings that the server takes", () => {
    const model = { id: "m", defaults: { alpha: 4, mcmcSteps: 10 }, vocabularySize: 9 } as ModelInfo;
    const values = {
      alpha: 2,
      mcmc_steps: 5,
      proposal_temperature: 0.5,
      kernel: "single_try",
      cut: "entropy",
    } as const;
    const isTaken = (ask: () => unknown): boolean => {
      try {
        ask();
        return true;
      } catch {
        return false;
      }
    };
    for (const sampler of samplerNames) {
      for (const [field, value] of Object.entries(values)) {
        const body = { model: undefined, sampler, [field]: value } as Parameters<typeof planSampling>[0];
        const context = { model, maxTokens: 16, stop: [], candidates: 1, n: 1, sampler };
        const byServer = isTaken(() => planSampling(body, context));
        expect(
          isTaken(() => configurations([sampler], { [field]: [value] })),
          `${sampler}, ${field}`,
        ).toBe(byServer);
      }
    }
  });
});
