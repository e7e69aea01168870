import { z } from "zod";
import { count, described } from "../described.ts";
import { log_z_width } from "../report.ts";
import type { CostReport, ReportCounter, RunReport } from "../report.ts";

/** What reports say of the steps of a chain. */
export const stepFields = {
  steps: count("Steps taken, each with one proposal: moved + unchanged + rejected + rejected_early.", 160),
  moved: count("Proposals that were another completion and became the current one.", 3),
  unchanged: count("Proposals that were the current completion again: accepted, and nothing changed.", 151),
  rejected: count("Proposals completed and turned down.", 4),
  rejected_early: count("Proposals turned down before they were complete; the chain is the same.", 2),
  accepted: count(
    "`moved`, under its name before: 0 where every accepted proposal was the completion that stood there.",
    3,
  ),
  acceptance: described(
    z.number(),
    "(moved + unchanged) / steps, the acceptance rate of Metropolis-Hastings; 0 without steps. High beside `accepted` 0 where the proposals came out as what stood there. No sign of mixing: a chain that stands still accepts itself.",
    0.9625,
  ),
  blocks: count("Blocks the chain went through.", 16),
  undecided_steps: count(
    "Steps that the bounds of log Z did not settle, however much was asked of the server: decided by the upper ones. On engines that know log Z within bounds alone.",
    0,
  ).optional(),
  undecided_width: described(
    z.number(),
    "How far apart the bounds of log r stayed in these, summed, nats: the chain is exact but for this. On engines that know log Z within bounds alone.",
    0,
  ).optional(),
  log_z_width,
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

export const undecidedCounter: ReportCounter<StepReport> = {
  name: "undecided_steps_total",
  help: "Steps of chains that the bounds of log Z did not settle.",
  count: ({ undecided_steps = 0 }) => undecided_steps,
};

/** Whether a report is of a sampler that takes steps. */
export const isStepReport = (report: CostReport): report is StepReport => "steps" in report;
