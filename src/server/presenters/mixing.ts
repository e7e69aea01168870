import type { MixingTrace } from "../../decoder/completer.ts";
import { disagreementBound, splitRHat } from "../../mcmc/mixing.ts";
import { mixingAdvice } from "../../samplers/chain/mixing-advice.ts";
import type { PromptMixing } from "../schemas/completions.ts";

/** What an answer says of the chains of one prompt together. */
export function promptMixing(prompt: number, chains: readonly MixingTrace[]): PromptMixing {
  const unmixed = chains.filter(({ isUnmixed }) => isUnmixed).length;
  const agreement = splitRHat(chains.map(({ logprobs }) => logprobs));
  const bound = disagreementBound(Math.min(...chains.map(({ logprobs }) => logprobs.length)));
  const warnings = [
    ...(2 * unmixed >= chains.length ? [`${unmixed} of ${chains.length} chains read as unmixed.`] : []),
    // By itself it says that chains remember, as well mixed ones of few values do (docs/kernels.md).
    ...(4 * unmixed >= chains.length ? describeDisagreement(agreement, bound) : []),
  ];
  return {
    prompt,
    chains: chains.length,
    unmixed_chains: unmixed,
    split_r_hat: agreement === undefined || agreement === Infinity ? null : agreement,
    warning: warnings.length === 0 ? null : [...warnings, mixingAdvice].join(" "),
  };
}

function describeDisagreement(rHat: number | undefined, bound: number): string[] {
  if (rHat === undefined || rHat <= bound) return [];
  if (rHat === Infinity) return ["The chains disagree: each stands still, at a log p of its own."];
  return [
    `The chains disagree: split R-hat of log p is ${rHat.toFixed(2)}, above ${bound.toFixed(2)}, so each still shows where it started.`,
  ];
}
