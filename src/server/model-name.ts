import { clip } from "../core/clip.ts";
import { InferenceError } from "../core/errors.ts";
import { samplerNames } from "../samplers/registry.ts";
import type { ModelInfo, Preset } from "../decoder/completer.ts";
import type { SamplerName } from "../samplers/registry.ts";

type Named = Pick<ModelInfo, "id" | "presets">;

const suffixed = ({ id }: Named, suffix: string): string => `${id}:${suffix}`;

/** The names a model answers to: its own; one per sampler, for clients that cannot send its field; one per preset. */
export function modelNames(model: Named): readonly string[] {
  const suffixes = [...samplerNames, ...Object.keys(model.presets ?? {})];
  return [model.id, ...suffixes.map((suffix) => suffixed(model, suffix))];
}

/**
 * The sampler that a model name asks for by its suffix, if any. No name means the model.
 * @throws InferenceError `model_not_found`
 */
export function samplerOfModelName(name: string | undefined, model: Named): SamplerName | undefined {
  if (name === undefined) return undefined;
  const names = modelNames(model);
  if (names.includes(name)) return samplerNames.find((candidate) => name === suffixed(model, candidate));
  throw new InferenceError(
    "model_not_found",
    `There is no model '${clip(name)}' here. There are: ${names.join(", ")}.`,
    { param: "model" },
  );
}

/** The preset that a model name asks for by its suffix, if any. */
export const presetOfModelName = (name: string | undefined, model: Named): Preset | undefined =>
  Object.entries(model.presets ?? {}).find(([preset]) => name === suffixed(model, preset))?.[1];
