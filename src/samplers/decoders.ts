import type { DecodeContext, Decoded, DecodeEvent, Decoder } from "./decoder.ts";
import { decodeGreedy } from "./greedy/decode.ts";
import { decodeLowTemperature } from "./low-temperature/decode.ts";
import { decodeMaximize } from "./maximize/decode.ts";
import { decodePower } from "./power/decode.ts";
import type { ReportOf, Reports, SamplerName, SamplerSettings, SettingsOf } from "./registry.ts";
import { decodeSmc } from "./smc/decode.ts";
import { decodeStandard } from "./standard/decode.ts";

/** How each sampler decodes. Apart from the registry, which browsers read too. */
const decoders: { readonly [Name in SamplerName]: Decoder<SettingsOf<Name>, ReportOf<Name>> } = {
  greedy: decodeGreedy,
  standard: decodeStandard,
  low_temperature: decodeLowTemperature,
  power: decodePower,
  smc: decodeSmc,
  maximize: decodeMaximize,
};

/** Runs the decoder that the settings name. @returns its report under its name */
export async function* decode(
  context: DecodeContext<SamplerSettings>,
): AsyncGenerator<DecodeEvent, Decoded<Reports>, undefined> {
  const { sampler } = context.settings;
  const decoder = decoders[sampler] as Decoder<SamplerSettings, object | undefined>;
  const { report, ...rest } = yield* decoder(context);
  return { report: report === undefined ? {} : { [sampler]: report }, ...rest };
}
