import { isSamplerName } from "./registry.ts";

export const presetNameRule =
  "a preset's name has 1 to 64 letters, digits, '_', '-' and '.', and is none of the samplers'";

/** Whether a preset may be called so: its name stands where a sampler's does, behind a model's. */
export const isPresetName = (name: string): boolean => /^[\w.-]{1,64}$/.test(name) && !isSamplerName(name);
