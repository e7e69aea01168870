import type { ChainResult } from "../../mcmc/chain.ts";
import { readsAsUnmixed } from "../../mcmc/mixing.ts";
import { mixingAdvice } from "../chain/mixing-advice.ts";
import type { PowerReport } from "./report.ts";

type MixingReport = Pick<
  PowerReport,
  | "first_token_changes"
  | "first_token_change_share"
  | "first_token_proposals"
  | "first_token_entropy"
  | "mixing_warning"
>;

/** What a chain says of its own mixing. */
export function reportMixing({ state, diagnostics }: ChainResult): MixingReport {
  const { steps, firstTokenChanges, firstTokenProposals, firstTokenSwaps } = diagnostics;
  // Entropy of the law of first tokens: whether there was a first token to change to.
  const firstTokenEntropy = state[0]?.entropy ?? 0;
  const entropy = firstTokenEntropy.toFixed(2);
  return {
    first_token_changes: firstTokenChanges,
    first_token_change_share: steps === 0 ? 0 : firstTokenChanges / steps,
    first_token_proposals: firstTokenProposals,
    first_token_entropy: Number.isNaN(firstTokenEntropy) ? null : firstTokenEntropy,
    mixing_warning: readsAsUnmixed({
      ...diagnostics,
      firstTokenChanges: firstTokenChanges + firstTokenSwaps,
      firstTokenEntropy,
    })
      ? `This chain reads as unmixed: the model was unsure of the first token (${entropy} nats), yet ${firstTokenProposals} of ${steps} steps proposed another and none took one. ${mixingAdvice}`
      : null,
  };
}
