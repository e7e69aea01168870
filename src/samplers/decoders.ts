import { decodeBeam } from "./beam/decode.ts";
import type { Decoder } from "./decoder.ts";
import { decodeExact } from "./exact/decode.ts";
import { decodeGreedy } from "./greedy/decode.ts";
import { decodeLowTemperature } from "./low-temperature/decode.ts";
import { decodeMaximize } from "./maximize/decode.ts";
import { decodePower } from "./power/decode.ts";
import type { ReportOf, SamplerName, SettingsOf } from "./registry.ts";
import { decodeSmc } from "./smc/decode.ts";
import { decodeStandard } from "./standard/decode.ts";

/** How each sampler decodes. Apart from the declarations, which browsers read too. */
export const decoders: { readonly [Name in SamplerName]: Decoder<SettingsOf<Name>, ReportOf<Name>> } = {
  greedy: decodeGreedy,
  standard: decodeStandard,
  low_temperature: decodeLowTemperature,
  power: decodePower,
  exact: decodeExact,
  smc: decodeSmc,
  maximize: decodeMaximize,
  beam: decodeBeam,
};
