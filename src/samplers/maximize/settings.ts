import { chainFields, settleChain } from "../chain/fields.ts";
import type { ChainSettings } from "../chain/fields.ts";
import { declareSampler } from "../sampler.ts";
import { maximizeReport } from "./report.ts";

export type MaximizeSettings = ChainSettings;

export const maximize = declareSampler({
  label: "Maximize",
  summary: "a search for the likeliest completion, no sampler",
  isChain: true,
  fields: chainFields,
  report: maximizeReport,
  settle: (given, context): MaximizeSettings => settleChain(given, context, 1 / context.defaults.alpha),
});
