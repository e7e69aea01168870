import { checkSampler } from "./check-sampler.ts";
import type { DecodeContext, DecodeEvent, Decoder } from "./decoder.ts";
import type { SamplerName, SamplerReport, SamplerSettings } from "./completer.ts";
import { decodeMaximize } from "./maximize.ts";
import { decodePower } from "./power.ts";
import { decodeSmc } from "./smc.ts";
import { decodeGreedy, decodeLowTemperature, decodeStandard } from "./token-by-token.ts";

type SettingsOf<Name extends SamplerName> = Extract<SamplerSettings, { sampler: Name }>;

/** Every sampler there is. A new one is a file and a line here. */
const decoders: { readonly [Name in SamplerName]: Decoder<SettingsOf<Name>> } = {
  greedy: decodeGreedy,
  standard: decodeStandard,
  low_temperature: decodeLowTemperature,
  power: decodePower,
  smc: decodeSmc,
  maximize: decodeMaximize,
};

/**
 * Runs the decoder that the request's settings name.
 * @throws InferenceError `unsupported` for a sampler that the engine does not tell enough for
 */
export function decode(
  context: Omit<DecodeContext<never>, "settings">,
): AsyncGenerator<DecodeEvent, SamplerReport, undefined> {
  const { settings } = context.request;
  checkSampler(settings, context.engine.info);
  const decoder = decoders[settings.sampler] as Decoder<SamplerSettings>;
  return decoder({ ...context, settings });
}
