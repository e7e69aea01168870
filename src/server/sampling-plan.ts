import { InferenceError } from "../core/errors.ts";
import type { ModelInfo } from "../decoder/completer.ts";
import { samplerFields, samplers, settle } from "../samplers/registry.ts";
import type { FieldName, SamplerField, SamplerName, SamplerSettings } from "../samplers/registry.ts";
import type { SettingsContext } from "../samplers/sampler.ts";
import type { Given } from "./given.ts";
import { samplerOfModelName } from "./model-name.ts";
import type { GenerationFields } from "./schemas/fields.ts";

/** The fields that choose how tokens are drawn. */
export type SamplingBody = Given<Pick<GenerationFields, "model" | "sampler" | FieldName>>;

export interface SamplingContext extends Pick<SettingsContext, "maxTokens" | "stop"> {
  readonly model: ModelInfo;
  /** What the server uses when neither field nor model name says. */
  readonly defaultSampler: SamplerName;
}

/**
 * Chooses the sampler and its settings.
 * @throws InferenceError `invalid_request` or `unsupported`, naming the field
 */
export function planSampling(
  body: SamplingBody,
  { model, defaultSampler, maxTokens, stop }: SamplingContext,
): SamplerSettings {
  const sampler = chooseSampler(body, model, defaultSampler);
  refuseForeignFields(body, sampler);
  const { defaults, vocabularySize } = model;
  return settle(sampler, body, { defaults, vocabularySize, maxTokens, stop });
}

function chooseSampler(body: SamplingBody, model: ModelInfo, defaultSampler: SamplerName): SamplerName {
  const named = samplerOfModelName(body.model, model);
  if (named !== undefined && body.sampler !== undefined && body.sampler !== named) {
    throw new InferenceError(
      "invalid_request",
      `The model '${body.model}' asks for sampler '${named}', but sampler says '${body.sampler}'. Send one of them.`,
      { param: "sampler" },
    );
  }
  return body.sampler ?? named ?? defaultSampler;
}

/** A field that means nothing to the sampler would be ignored, and so is refused. */
function refuseForeignFields(body: SamplingBody, sampler: SamplerName): void {
  for (const [name, { users, neutral }] of Object.entries(samplerFields) as [FieldName, SamplerField][]) {
    const value: unknown = body[name];
    if (value === undefined || users.includes(sampler)) continue;
    if (neutral?.includes(value) === true || isEmptyObject(value)) continue;
    const hint = samplers[sampler].instead?.[name];
    throw new InferenceError(
      "invalid_request",
      `${name} has no meaning for sampler '${sampler}'${hint === undefined ? "" : `: ${hint}`}. Leave it out, or use sampler ${users.map((user) => `'${user}'`).join(" or ")}.`,
      { param: name },
    );
  }
}

const isEmptyObject = (value: unknown): boolean =>
  typeof value === "object" && Object.keys(value ?? {}).length === 0;
