import type { PowerReport } from "../../decoder/completer.ts";
import { agreementBound, readsAsUnmixed, splitRHat } from "../../mcmc/mixing.ts";
import type { PowerReportBody, PromptMixing } from "../schemas/completions.ts";

const advice = "Take more steps, raise proposal_temperature, or use cut 'entropy' or kernel 'tempering'.";

/** What a choice says of its own chain. */
export function chainMixing(
  report: PowerReport,
): Pick<
  PowerReportBody,
  | "first_token_changes"
  | "first_token_change_share"
  | "first_token_proposals"
  | "first_token_entropy"
  | "mixing_warning"
> {
  const { steps, firstTokenChanges, firstTokenProposals, firstTokenEntropy } = report;
  const entropy = firstTokenEntropy.toFixed(2);
  return {
    first_token_changes: firstTokenChanges,
    first_token_change_share: steps === 0 ? 0 : firstTokenChanges / steps,
    first_token_proposals: firstTokenProposals,
    first_token_entropy: firstTokenEntropy,
    mixing_warning: readsAsUnmixed(report)
      ? `This chain reads as unmixed: the model was unsure of the first token (${entropy} nats), yet ${firstTokenProposals} of ${steps} steps proposed another and none took one. ${advice}`
      : null,
  };
}

/** What an answer says of the chains of one prompt together. */
export function promptMixing(prompt: number, reports: readonly PowerReport[]): PromptMixing {
  const unmixed = reports.filter(readsAsUnmixed).length;
  const agreement = splitRHat(reports.map(({ logprobTrace }) => logprobTrace));
  const warnings = [
    ...(2 * unmixed >= reports.length ? [`${unmixed} of ${reports.length} chains read as unmixed.`] : []),
    ...(agreement !== undefined && agreement > agreementBound ? [describeDisagreement(agreement)] : []),
  ];
  return {
    prompt,
    chains: reports.length,
    unmixed_chains: unmixed,
    split_r_hat: agreement === undefined || agreement === Infinity ? null : agreement,
    warning: warnings.length === 0 ? null : [...warnings, advice].join(" "),
  };
}

function describeDisagreement(rHat: number): string {
  if (rHat === Infinity) return "The chains disagree: each stands still, at a log p of its own.";
  return `The chains disagree: split R-hat of log p is ${rHat.toFixed(2)}, above ${agreementBound}, so each still shows where it started.`;
}
