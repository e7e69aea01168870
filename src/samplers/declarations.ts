import { beam } from "./beam/settings.ts";
import { exact } from "./exact/settings.ts";
import { greedy } from "./greedy/settings.ts";
import { lowTemperature } from "./low-temperature/settings.ts";
import { maximize } from "./maximize/settings.ts";
import { power } from "./power/settings.ts";
import { smc } from "./smc/settings.ts";
import { standard } from "./standard/settings.ts";

/**
 * Every sampler there is, by its name in the API. A new one is a folder and a line here; the compiler then asks for its
 * decoder in decoders.ts.
 */
export const declarations = {
  power,
  standard,
  low_temperature: lowTemperature,
  greedy,
  exact,
  smc,
  maximize,
  beam,
};
