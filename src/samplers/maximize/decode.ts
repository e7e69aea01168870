import { maximize } from "../../mcmc/maximize.ts";
import { cuts } from "../chain/cuts.ts";
import { decodeChain } from "../chain/decode-chain.ts";
import type { Decoder } from "../decoder.ts";
import type { MaximizeReport } from "./report.ts";
import type { MaximizeSettings } from "./settings.ts";

/** A search for the likeliest completion, by the steps of power sampling that make it likelier. */
export const decodeMaximize: Decoder<MaximizeSettings, MaximizeReport> = async function* (context) {
  const { cut = "uniform" } = context.settings;
  const { report, result } = yield* decodeChain(context, maximize(cuts[cut]));
  return { report: { kind: "search", ...report }, endedEarly: result.endedEarly };
};
