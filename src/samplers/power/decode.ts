import { chainOf } from "../../mcmc/chain.ts";
import type { ChainResult } from "../../mcmc/chain.ts";
import type { ChainDiagnostics } from "../../mcmc/diagnostics.ts";
import type { KernelFamily } from "../../mcmc/kernel.ts";
import { multipleTry } from "../../mcmc/multiple-try.ts";
import { draftedByParticles } from "../../mcmc/particle-draft.ts";
import { singleTry } from "../../mcmc/single-try.ts";
import type { Driver } from "../../mcmc/stages.ts";
import { ladder, tempering } from "../../mcmc/tempering.ts";
import { cuts } from "../chain/cuts.ts";
import { decodeChain } from "../chain/decode-chain.ts";
import type { DecodeContext, Decoder } from "../decoder.ts";
import { reportMixing } from "./mixing.ts";
import type { PowerReport, SwapReport } from "./report.ts";
import type { PowerSettings } from "./settings.ts";

/** Power sampling: a Metropolis-Hastings chain over whole completions that targets p(x)^α. */
export const decodePower: Decoder<PowerSettings, PowerReport> = async function* (context) {
  const { settings, inverseTemperature, request } = context;
  const target = { alpha: settings.alpha, inverseTemperature };
  const { result, report } = yield* decodeChain(context, chainFor(context));
  const mixing = reportMixing(result, target, request.maxTokens);
  return {
    report: {
      alpha: settings.alpha,
      ...report,
      ...mixing,
      ...(settings.kernel?.name === "tempering" ? reportSwaps(result.diagnostics) : {}),
    },
    chain: {
      logprobs: result.logprobTrace,
      isUnmixed: mixing.mixing_warning !== null,
    },
    endedEarly: result.endedEarly,
  };
};

const reportSwaps = ({ swaps, firstTokenSwaps }: ChainDiagnostics): SwapReport => ({
  swaps_proposed: swaps.proposed,
  swaps_accepted: swaps.accepted,
  answer_swaps: swaps.toAnswer,
  first_token_swaps: firstTokenSwaps,
});

/** The chain of the kernel that the settings name; a new kernel is a file and a case here. */
export function chainFor({
  settings: { alpha, cut = "uniform", kernel, warmUp },
  inverseTemperature,
}: Pick<DecodeContext<PowerSettings>, "settings" | "inverseTemperature">): Driver<ChainResult> {
  const target = { alpha, inverseTemperature };
  const weigh = cuts[cut];
  const drafted = (family: KernelFamily): KernelFamily =>
    warmUp?.name === "particles" ? draftedByParticles(family, warmUp.particles) : family;
  switch (kernel?.name) {
    case "multiple_try":
      return chainOf(drafted(multipleTry(weigh, kernel.tries))(target));
    case "tempering":
      return chainOf(tempering(drafted(singleTry(weigh)), ladder(target, kernel.replicas)));
    case "single_try":
    case undefined:
      return chainOf(drafted(singleTry(weigh))(target));
  }
}
