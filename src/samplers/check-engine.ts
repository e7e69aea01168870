import { beyondEngine } from "../core/errors.ts";
import type { EngineInfo } from "../engine/engine.ts";
import { samplers } from "./registry.ts";
import type { SamplerSettings } from "./registry.ts";

/**
 * Tests whether an engine tells what a sampler rests on.
 * @throws InferenceError `unsupported`, naming the field
 */
export function checkEngine(settings: SamplerSettings, { capabilities }: EngineInfo): void {
  if (samplers[settings.sampler].weighsByLogZ === true && capabilities.logNormalizer !== "exact") {
    throw beyondEngine("sampler", `tell log Z exactly, which '${settings.sampler}' weighs proposals by`);
  }
  if ("cut" in settings && settings.cut === "entropy" && !capabilities.entropy) {
    throw beyondEngine("cut", "tell the entropy of its distributions, which cut 'entropy' follows");
  }
  if ("warmUp" in settings && settings.warmUp.name === "particles" && capabilities.mostTop === 0) {
    throw beyondEngine("warm_up", "tell the likeliest tokens, which warm_up 'particles' weighs");
  }
}
