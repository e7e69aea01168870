import { tokenReport } from "../report.ts";
import { declareSampler } from "../sampler.ts";

export const greedy = declareSampler({
  label: "Greedy",
  summary: "the likeliest token each time, so the same answer for every seed",
  fields: {},
  ignoresSeed: true,
  report: tokenReport,
  settle: () => ({}),
  inverseTemperature: () => 1,
  plainFields: () => ({ temperature: 0 }),
});
