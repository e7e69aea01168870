import type { ChainResult } from "../../mcmc/chain.ts";
import { readsAsUnmixed } from "../../mcmc/mixing.ts";
import type { Unmixed } from "../../mcmc/mixing.ts";
import type { PowerTarget } from "../../mcmc/target.ts";
import { mixingAdvice } from "../chain/mixing-advice.ts";
import type { PowerReport } from "./report.ts";

type MixingReport = Pick<
  PowerReport,
  | "first_token_changes"
  | "first_token_change_share"
  | "first_token_proposals"
  | "first_token_entropy"
  | "first_token_entropy_upper"
  | "last_steps"
  | "rewritten_share"
  | "mixing_warning"
>;

/** What a chain of so many tokens at most says of its own mixing. */
export function reportMixing(result: ChainResult, target: PowerTarget, horizon: number): MixingReport {
  const { state, diagnostics, logprobTrace, keptTokens } = result;
  const { steps, firstTokenChanges, firstTokenProposals } = diagnostics;
  // Entropy of the law of first tokens: whether there was a first token to change to.
  const { entropy, entropyGap } = state[0] ?? { entropy: 0 };
  const unmixed = readsAsUnmixed({ ...result, target, horizon, lastSteps: logprobTrace.length });
  return {
    first_token_changes: firstTokenChanges,
    first_token_change_share: steps === 0 ? 0 : firstTokenChanges / steps,
    first_token_proposals: firstTokenProposals,
    first_token_entropy: Number.isNaN(entropy) ? null : entropy,
    ...(entropyGap === undefined ? {} : { first_token_entropy_upper: entropy + entropyGap }),
    last_steps: logprobTrace.length,
    rewritten_share: state.length === 0 ? 0 : 1 - keptTokens / state.length,
    mixing_warning: unmixed === undefined ? null : describe(unmixed, result),
  };
}

/** What was seen, in words, and what to do. */
function describe(
  unmixed: Unmixed,
  { state, diagnostics: { steps } }: Pick<ChainResult, "state" | "diagnostics">,
): string {
  switch (unmixed.reason) {
    case "no_steps":
      return "This chain reads as unmixed: no step was taken on the whole answer, which ends as the proposals drafted it. Take steps: raise mcmc_steps, or the budget where one is set.";
    case "kept": {
      const { position, entropy, proposed } = unmixed;
      const { entropyGap } = state[position]!;
      const most = entropyGap === undefined ? "" : ` to ${(entropy + entropyGap).toFixed(2)}`;
      const token = position === 0 ? "the first token" : `token ${position + 1}, the first such,`;
      const another = position === 0 ? "another" : "another up to it";
      return `This chain reads as unmixed: the model was unsure of ${token} (${entropy.toFixed(2)}${most} nats), yet ${proposed} of ${steps} steps proposed ${another} and none took one. ${mixingAdvice}`;
    }
  }
}
