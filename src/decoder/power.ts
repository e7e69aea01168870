import { multipleTry } from "../mcmc/multiple-try.ts";
import { singleTry } from "../mcmc/single-try.ts";
import { ladder } from "../mcmc/tempering.ts";
import { cuts } from "./cuts.ts";
import { decodeChain } from "./decode-chain.ts";
import type { ChainLaw } from "./decode-chain.ts";
import type { DecodeContext, Decoder } from "./decoder.ts";
import type { PowerSettings } from "./completer.ts";

/** Power sampling: a Metropolis-Hastings chain over whole completions that targets p(x)^α. */
export const decodePower: Decoder<PowerSettings> = async function* (context) {
  const { settings } = context;
  const { result, report } = yield* decodeChain(context, lawOf(context));
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
