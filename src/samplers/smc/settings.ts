import { z } from "zod";
import { costFields, settleCost } from "../cost.ts";
import type { CostSettings } from "../cost.ts";
import { field } from "../field.ts";
import { alpha, proposalTemperature } from "../law-fields.ts";
import { declareSampler } from "../sampler.ts";
import { smcReport } from "./report.ts";

export interface SmcSettings extends CostSettings {
  readonly alpha: number;
  readonly particles: number;
  readonly proposalTemperature: number;
}

const usualParticles = 16;

export const smc = declareSampler({
  label: "SMC",
  summary:
    "writes many answers side by side, drops unlikely ones on the way and doubles likely ones, so that answers come up in proportion to p(x)^alpha, approximately (sequential Monte Carlo)",
  needsLogZ: "interval",
  fields: {
    alpha,
    proposal_temperature: proposalTemperature,
    particles: field(
      z.number().int().min(2, "particles must be at least 2; one alone is sampler low_temperature").max(256),
      {
        meaning:
          "Completions grown side by side, of which one is drawn by weight; resampled when their effective number falls under half. The more, the nearer to p^alpha.",
        usual: String(usualParticles),
        example: usualParticles,
        label: "Particles",
      },
    ),
    ...costFields,
  },
  report: smcReport,
  held: ({ particles }) => particles ?? usualParticles,
  settle(given, { defaults }): SmcSettings {
    const exponent = given.alpha ?? defaults.alpha;
    return {
      alpha: exponent,
      particles: given.particles ?? usualParticles,
      proposalTemperature: given.proposal_temperature ?? 1 / exponent,
      ...settleCost(given),
    };
  },
  inverseTemperature: ({ proposalTemperature: temperature }) => 1 / temperature,
});
