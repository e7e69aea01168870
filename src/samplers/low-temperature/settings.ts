import { alpha } from "../law-fields.ts";
import { tokenReport } from "../report.ts";
import { declareSampler } from "../sampler.ts";

export interface LowTemperatureSettings {
  readonly alpha: number;
}

/** Where a server does not say its model's alpha. */
const usualAlpha = 4;

export const lowTemperature = declareSampler({
  label: "Low temperature",
  summary: "token by token, likely tokens favoured: the probability of each to the power alpha (T = 1/alpha)",
  fields: { alpha },
  report: tokenReport,
  settle: (given, { defaults }): LowTemperatureSettings => ({ alpha: given.alpha ?? defaults.alpha }),
  inverseTemperature: ({ alpha }) => alpha,
  plainFields: (given) => ({ temperature: 1 / (given.alpha ?? usualAlpha) }),
});
