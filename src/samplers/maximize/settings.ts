import { chainFields, settleChain } from "../chain/fields.ts";
import type { ChainSettings } from "../chain/fields.ts";
import { declareSampler } from "../sampler.ts";
import { maximizeReport } from "./report.ts";

export type MaximizeSettings = ChainSettings;

export const maximize = declareSampler({
  label: "Maximize",
  summary:
    "rewrites its answer as power does, and keeps a rewrite only where it is likelier; a search for the likeliest answer, which draws none",
  isChain: true,
  fields: chainFields,
  report: maximizeReport,
  settle: (given, context): MaximizeSettings => settleChain(given, context, 1 / context.defaults.alpha),
  inverseTemperature: ({ proposalTemperature }) => 1 / proposalTemperature,
});
