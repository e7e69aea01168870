import type { z } from "zod";
import { count } from "../described.ts";
import type { ReportCounter, RunReport } from "../report.ts";

/** What reports say of the steps of a chain. */
export const stepFields = {
  steps: count("Steps taken: the outcomes below add up to it.", 160),
  accepted: count("Proposals that became the current completion.", 3),
  rejected: count("Proposals completed and turned down.", 4),
  rejected_early: count("Dropped before they were complete; the chain is the same.", 2),
  unchanged: count("Proposals that were the current completion again.", 151),
  blocks: count("Blocks the chain went through.", 16),
};

export type StepReport = RunReport & z.output<z.ZodObject<typeof stepFields>>;

export const proposalsCounter: ReportCounter<StepReport> = {
  name: "proposals_total",
  help: "Steps of chains over whole completions.",
  label: "outcome",
  count: ({ accepted, rejected, rejected_early, unchanged }) => ({
    accepted,
    rejected,
    rejected_early,
    unchanged,
  }),
};

/** Whether a report is of a sampler that takes steps. */
export const isStepReport = (report: RunReport): report is StepReport => "steps" in report;
