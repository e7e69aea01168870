import { beyondEngine } from "../core/errors.ts";
import type { EngineInfo } from "../engine/engine.ts";
import { inverseTemperatureOf, samplers } from "./registry.ts";
import type { SamplerSettings } from "./registry.ts";

/**
 * Tests whether an engine tells what a sampler rests on.
 * @throws InferenceError `unsupported`, naming the field
 */
export function checkEngine(settings: SamplerSettings, { capabilities, vocabularySize }: EngineInfo): void {
  const { needsLogZ } = samplers[settings.sampler];
  const known = capabilities.logNormalizer;
  if (needsLogZ !== undefined && known === "unknown")
    throw beyondEngine("sampler", `tell log Z, which '${settings.sampler}' weighs proposals by`);
  if (needsLogZ === "exact" && known === "interval")
    throw beyondEngine(
      "sampler",
      `tell log Z exactly, which '${settings.sampler}' draws by; sampler 'power' takes it within bounds`,
    );
  const { least, most } = capabilities.inverseTemperatures ?? { least: 0, most: Infinity };
  const inverseTemperature = inverseTemperatureOf(settings);
  if (inverseTemperature < least || inverseTemperature > most) {
    throw beyondEngine(
      temperatureField(settings),
      `draw at temperature ${1 / inverseTemperature}, but from ${1 / most} to ${1 / least}`,
    );
  }
  if ("cut" in settings && settings.cut === "entropy" && capabilities.entropy === "unknown") {
    throw beyondEngine("cut", "tell the entropy of its distributions, which cut 'entropy' follows");
  }
  if ("warmUp" in settings && settings.warmUp.name === "particles" && capabilities.mostTop === 0) {
    throw beyondEngine("warm_up", "tell the likeliest tokens, which warm_up 'particles' weighs");
  }
  const { mostTop } = capabilities;
  if ("beamWidth" in settings && Math.min(settings.beamWidth, vocabularySize) > mostTop) {
    throw beyondEngine(
      "beam_width",
      `tell ${settings.beamWidth} of the likeliest tokens, as many as there are beams, but ${mostTop} at most`,
    );
  }
}

/** The field that says at which temperature tokens are drawn. */
function temperatureField(settings: SamplerSettings): string {
  const isOwn = "proposalTemperature" in settings;
  if (isOwn && !("alpha" in settings && settings.proposalTemperature === 1 / settings.alpha))
    return "proposal_temperature";
  return "alpha" in settings ? "alpha" : "temperature";
}
