import type { ChainReport, PowerReport, SamplerReport, SmcReport } from "../../decoder/completer.ts";
import type { MaximizeReportBody, PowerReportBody, SmcReportBody } from "../schemas/completions.ts";
import { chainMixing } from "./mixing.ts";

/** What a choice says of how its sampler went: at most one of these. */
export interface ReportBodies {
  readonly power?: PowerReportBody;
  readonly smc?: SmcReportBody;
  readonly maximize?: MaximizeReportBody;
}

export function toReports({ power, smc, maximize }: SamplerReport, evaluatedTokens: number): ReportBodies {
  const run = (report: ChainReport | SmcReport) => ({
    logprob: report.logprob,
    drawn_tokens: report.drawnTokens,
    evaluated_tokens: evaluatedTokens,
    budget_exhausted: report.budgetExhausted,
  });
  const steps = ({ steps, outcomes, blocks }: ChainReport) => ({ steps, ...outcomes, blocks });
  return {
    ...(power && { power: { ...run(power), ...steps(power), ...chainMixing(power), ...powerOnly(power) } }),
    ...(maximize && { maximize: { kind: "search", ...run(maximize), ...steps(maximize) } }),
    ...(smc && { smc: { kind: "approximate", ...run(smc), ...smcOnly(smc) } }),
  };
}

const powerOnly = ({ alpha, swaps }: PowerReport) => ({
  alpha,
  ...(swaps === undefined ? {} : { swaps_proposed: swaps.proposed, swaps_accepted: swaps.accepted }),
});

const smcOnly = ({ alpha, particles, effectiveSampleSize, resamplings, logEvidence }: SmcReport) => ({
  alpha,
  particles,
  ess: effectiveSampleSize,
  resamplings,
  log_evidence: logEvidence ?? null,
});
