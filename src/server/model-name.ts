import { clip } from "../core/clip.ts";
import { InferenceError } from "../core/errors.ts";
import { samplerNames } from "../samplers/registry.ts";
import type { ModelInfo } from "../decoder/completer.ts";
import type { SamplerName } from "../samplers/registry.ts";

const separator = ":";

/** The names a model answers to: its own, and one per sampler for clients that cannot send a `sampler` field. */
export function modelNames({ id }: ModelInfo): readonly string[] {
  return [id, ...samplerNames.map((sampler) => `${id}${separator}${sampler}`)];
}

/**
 * The sampler that a model name asks for, if any. No name means the model.
 * @throws InferenceError `model_not_found`
 */
export function samplerOfModelName(name: string | undefined, model: ModelInfo): SamplerName | undefined {
  if (name === undefined || name === model.id) return undefined;
  const sampler = samplerNames.find((candidate) => name === `${model.id}${separator}${candidate}`);
  if (sampler !== undefined) return sampler;
  const names = modelNames(model).join(", ");
  throw new InferenceError(
    "model_not_found",
    `There is no model '${clip(name)}' here. There are: ${names}.`,
    {
      param: "model",
    },
  );
}
