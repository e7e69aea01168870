import { declareSampler } from "../sampler.ts";

export const greedy = declareSampler({
  label: "Greedy",
  summary: "the likeliest token each time",
  fields: {},
  ignoresSeed: true,
  report: undefined,
  settle: () => ({}),
  plainFields: () => ({ temperature: 0 }),
});
