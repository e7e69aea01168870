import { checkEngine } from "./check-engine.ts";
import { decoders } from "./decoders.ts";
import type { DecodeContext, Decoded, DecodeEvent, Decoder } from "./decoder.ts";
import { inverseTemperatureOf } from "./registry.ts";
import type { Reports, SamplerSettings } from "./registry.ts";

/**
 * Decodes by the sampler that the settings name.
 * @returns its report under its name
 * @throws InferenceError `unsupported` for a sampler that the engine does not tell enough for
 */
export async function* decode(
  context: Omit<DecodeContext<SamplerSettings>, "inverseTemperature">,
): AsyncGenerator<DecodeEvent, Decoded<Reports>, undefined> {
  const { sampler } = context.settings;
  checkEngine(context.settings, context.engine.info);
  const decoder = decoders[sampler] as Decoder<SamplerSettings, object | undefined>;
  const { report, ...rest } = yield* decoder({
    ...context,
    inverseTemperature: inverseTemperatureOf(context.settings),
  });
  return { report: report === undefined ? {} : { [sampler]: report }, ...rest };
}
