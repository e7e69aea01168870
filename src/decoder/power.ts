import { chainOf } from "../mcmc/chain.ts";
import type { ChainResult } from "../mcmc/chain.ts";
import { multipleTry } from "../mcmc/multiple-try.ts";
import { singleTry } from "../mcmc/single-try.ts";
import type { Driver } from "../mcmc/stages.ts";
import { ladder, tempering } from "../mcmc/tempering.ts";
import { cuts } from "./cuts.ts";
import { decodeChain } from "./decode-chain.ts";
import type { Decoder } from "./decoder.ts";
import { inverseTemperatureOf } from "./completer.ts";
import type { PowerSettings } from "./completer.ts";

/** Power sampling: a Metropolis-Hastings chain over whole completions that targets p(x)^α. */
export const decodePower: Decoder<PowerSettings> = async function* (context) {
  const { settings } = context;
  const { result, report } = yield* decodeChain(context, chainFor(settings));
  const { swaps } = result.diagnostics;
  return {
    power: {
      ...report,
      alpha: settings.alpha,
      ...(settings.kernel?.name === "tempering" ? { swaps } : {}),
      // Entropy of the law of first tokens: whether there was a first token to change to.
      firstTokenEntropy: result.state[0]?.entropy ?? 0,
      logprobTrace: result.logprobTrace,
    },
  };
};

/** The chain of the kernel that the settings name; a new kernel is a file and a case here. */
export function chainFor(settings: PowerSettings): Driver<ChainResult> {
  const { alpha, cut = "uniform", kernel } = settings;
  const target = { alpha, inverseTemperature: inverseTemperatureOf(settings) };
  const weigh = cuts[cut];
  switch (kernel?.name) {
    case "multiple_try":
      return chainOf(multipleTry(weigh, kernel.tries)(target));
    case "tempering":
      return chainOf(tempering(singleTry(weigh), ladder(target, kernel.replicas)));
    case "single_try":
    case undefined:
      return chainOf(singleTry(weigh)(target));
  }
}
