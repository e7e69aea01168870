import { tokenByToken } from "../token-by-token.ts";
import type { LowTemperatureSettings } from "./settings.ts";

/** Token by token from p^α: what power sampling is often mistaken for. T = 1/α. */
export const decodeLowTemperature = tokenByToken<LowTemperatureSettings>(({ settings }) => ({
  inverseTemperature: settings.alpha,
}));
