import { maximize } from "../mcmc/maximize.ts";
import { cuts } from "./cuts.ts";
import { decodeChain } from "./decode-chain.ts";
import type { Decoder } from "./decoder.ts";
import type { MaximizeSettings } from "./completer.ts";

/** A search for the likeliest completion, by the steps of power sampling that make it likelier. */
export const decodeMaximize: Decoder<MaximizeSettings> = async function* (context) {
  const { report } = yield* decodeChain(context, maximize(cuts[context.settings.cut]));
  return { maximize: report };
};
