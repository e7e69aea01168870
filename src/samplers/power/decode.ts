import { multipleTry } from "../../mcmc/multiple-try.ts";
import { singleTry } from "../../mcmc/single-try.ts";
import { ladder } from "../../mcmc/tempering.ts";
import { cuts } from "../chain/cuts.ts";
import { decodeChain } from "../chain/decode-chain.ts";
import type { ChainLaw } from "../chain/decode-chain.ts";
import type { DecodeContext, Decoder } from "../decoder.ts";
import { reportMixing } from "./mixing.ts";
import type { PowerReport } from "./report.ts";
import type { PowerSettings } from "./settings.ts";

/** Power sampling: a Metropolis-Hastings chain over whole completions that targets p(x)^α. */
export const decodePower: Decoder<PowerSettings, PowerReport> = async function* (context) {
  const { settings } = context;
  const { result, report } = yield* decodeChain(context, lawOf(context));
  const { proposed, accepted } = result.diagnostics.swaps;
  const mixing = reportMixing(result);
  return {
    report: {
      alpha: settings.alpha,
      ...report,
      ...mixing,
      ...(settings.kernel?.name === "tempering"
        ? { swaps_proposed: proposed, swaps_accepted: accepted }
        : {}),
    },
    chain: { logprobs: result.logprobTrace, isUnmixed: mixing.mixing_warning !== null },
  };
};

/** The kernel and its targets; a new kernel is a file and a case here. */
function lawOf({ settings, isIsolated }: DecodeContext<PowerSettings>): ChainLaw {
  const { alpha, proposalTemperature, cut = "uniform", kernel } = settings;
  const target = { alpha, inverseTemperature: 1 / proposalTemperature };
  const weigh = cuts[cut];
  switch (kernel?.name) {
    case "multiple_try":
      return {
        targets: [target],
        kernel: multipleTry(weigh, kernel.tries, isIsolated),
        rowsPerStep: kernel.tries,
      };
    case "tempering":
      return {
        targets: ladder(target, kernel.replicas),
        kernel: singleTry(weigh),
        rowsPerStep: kernel.replicas,
      };
    case "single_try":
    case undefined:
      return { targets: [target], kernel: singleTry(weigh), rowsPerStep: 1 };
  }
}
