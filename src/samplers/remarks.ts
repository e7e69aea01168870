import { isStepReport } from "./chain/report.ts";
import type { StepReport } from "./chain/report.ts";
import { countTries } from "./exact/report.ts";
import type { PowerReport } from "./power/report.ts";
import { findReport } from "./registry.ts";
import type { Reports } from "./registry.ts";
import { isRunReport } from "./report.ts";

/** The chain of power that answered: the sampler's own, or exact's fallback. */
const powerChainOf = ({ power, exact }: Reports): PowerReport | undefined => power ?? exact?.fallback;

/** How the chain or the search went that answered; `undefined` where none did. */
export function chainReportOf(choice: Reports): StepReport | undefined {
  const report = powerChainOf(choice) ?? findReport(choice)?.body;
  return report !== undefined && isStepReport(report) ? report : undefined;
}

/** What the reader of an answer has to know of how it came to be, in sentences; none where it came as it should. */
export function remarksOn(choice: Reports): string[] {
  const report = findReport(choice)?.body;
  const { exact } = choice;
  const warning = powerChainOf(choice)?.mixing_warning;
  return [
    ...(exact?.exact === false
      ? [
          `No exact draw in ${countTries(exact.tries)}: a chain answered in its place, as sampler power's would.`,
        ]
      : []),
    ...(report !== undefined && isRunReport(report) && report.budget_exhausted
      ? ["The budget was spent before the end."]
      : []),
    ...(warning === undefined || warning === null ? [] : [warning]),
  ];
}
