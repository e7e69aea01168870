import { z } from "zod";
import { count, described } from "../described.ts";
import type { CostReport, ReportCounter, RunReport } from "../report.ts";

/** What reports say of the steps of a chain. */
export const stepFields = {
  steps: count("Steps taken, each with one proposal: moved + unchanged + rejected + rejected_early.", 160),
  moved: count("Proposals that were another completion and became the current one.", 3),
  unchanged: count("Proposals that were the current completion again: accepted, and nothing changed.", 151),
  rejected: count("Proposals completed and turned down.", 4),
  rejected_early: count("Proposals turned down before they were complete; the chain is the same.", 2),
  accepted: count("`moved`, under its name before.", 3),
  acceptance: described(
    z.number(),
    "(moved + unchanged) / steps, the acceptance rate of Metropolis-Hastings; 0 without steps. No sign of mixing: a chain that stands still accepts itself.",
    0.9625,
  ),
  blocks: count("Blocks the chain went through.", 16),
};

/** What a report says of the steps alone. */
export type StepCounts = z.output<z.ZodObject<typeof stepFields>>;
export type StepReport = RunReport & StepCounts;

export const proposalsCounter: ReportCounter<StepReport> = {
  name: "proposals_total",
  help: "Proposals of chains over whole completions: accepted ones are those that moved the chain.",
  label: "outcome",
  count: ({ accepted, rejected, rejected_early, unchanged }) => ({
    accepted,
    rejected,
    rejected_early,
    unchanged,
  }),
};

/** Whether a report is of a sampler that takes steps. */
export const isStepReport = (report: CostReport): report is StepReport => "steps" in report;
