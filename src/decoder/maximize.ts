import { maximize } from "../mcmc/maximize.ts";
import { cuts } from "./cuts.ts";
import { decodeChain } from "./decode-chain.ts";
import type { Decoder } from "./decoder.ts";
import { inverseTemperatureOf } from "./completer.ts";
import type { MaximizeSettings } from "./completer.ts";

/** A search for the likeliest completion, by the steps of power sampling that make it likelier. */
export const decodeMaximize: Decoder<MaximizeSettings> = async function* (context) {
  const { cut } = context.settings;
  const { report } = yield* decodeChain(context, {
    targets: [{ alpha: Infinity, inverseTemperature: inverseTemperatureOf(context.settings) }],
    kernel: maximize(cuts[cut]),
    rowsPerStep: 1,
    keepsBest: true,
  });
  return { maximize: report };
};
