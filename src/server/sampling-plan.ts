import { InferenceError } from "../core/errors.ts";
import type { ModelInfo } from "../decoder/completer.ts";
import { pickedBy, samplerFields, samplers, settle } from "../samplers/registry.ts";
import type { FieldName, SamplerField, SamplerName, SamplerSettings } from "../samplers/registry.ts";
import type { SettingsContext } from "../samplers/sampler.ts";
import type { Given } from "./given.ts";
import { presetOfModelName, samplerOfModelName } from "./model-name.ts";
import type { GenerationFields } from "./schemas/fields.ts";

/** The fields that choose how tokens are drawn. */
export type SamplingBody = Given<Pick<GenerationFields, "model" | "sampler" | FieldName>>;

export interface SamplingContext extends Omit<SettingsContext, "defaults" | "vocabularySize"> {
  readonly model: ModelInfo;
  readonly sampler: SamplerName;
}

export interface SamplingPlan {
  readonly settings: SamplerSettings;
  /** Fields that mean nothing to the sampler and are let be. */
  readonly ignored: readonly FieldName[];
}

/**
 * What a body asks of its sampler.
 * @throws InferenceError `invalid_request` or `unsupported`, naming the field
 */
export function planSampling(
  body: SamplingBody,
  { model, sampler, ...context }: SamplingContext,
): SamplingPlan {
  const ignored = foreignFields(body, sampler);
  const refused = ignored.find(
    (name) => body.sampler !== undefined || samplerFields[name].isSentUnasked !== true,
  );
  if (refused !== undefined) throw meaningless(refused, sampler);
  const { defaults, vocabularySize } = model;
  return { settings: settle(sampler, body, { defaults, vocabularySize, ...context }), ignored };
}

/**
 * @param defaultSampler what the server uses when neither fields nor the model's name say
 * @throws InferenceError `invalid_request` where a field and a sampler's suffix disagree, `model_not_found`
 */
export function chooseSampler(
  body: SamplingBody,
  model: ModelInfo,
  defaultSampler: SamplerName,
): SamplerName {
  const named = samplerOfModelName(body.model, model);
  if (named !== undefined && body.sampler !== undefined && body.sampler !== named) {
    throw new InferenceError(
      "invalid_request",
      `The model '${body.model}' asks for sampler '${named}', but sampler says '${body.sampler}'. Send one of them.`,
      { param: "sampler" },
    );
  }
  const preset = presetOfModelName(body.model, model);
  return body.sampler ?? named ?? pickedBy(body) ?? preset?.sampler ?? defaultSampler;
}

/**
 * Fields that mean nothing to the sampler. What would be ignored is refused; but clients send some of their own accord,
 * and where they cannot know the sampler, which the model's name or the server chose, these are let be.
 */
function foreignFields(body: SamplingBody, sampler: SamplerName): FieldName[] {
  return (Object.entries(samplerFields) as [FieldName, SamplerField][]).flatMap(
    ([name, { users, neutral }]) => {
      const value: unknown = body[name];
      const isForeign =
        value !== undefined &&
        !users.includes(sampler) &&
        neutral?.includes(value) !== true &&
        !isEmptyObject(value);
      return isForeign ? [name] : [];
    },
  );
}

function meaningless(name: FieldName, sampler: SamplerName): InferenceError {
  const hint = samplers[sampler].instead?.[name];
  const users = samplerFields[name].users.map((user) => `'${user}'`).join(" or ");
  return new InferenceError(
    "invalid_request",
    `${name} has no meaning for sampler '${sampler}'${hint === undefined ? "" : `: ${hint}`}. Leave it out, or use sampler ${users}.`,
    { param: name },
  );
}

const isEmptyObject = (value: unknown): boolean =>
  typeof value === "object" && Object.keys(value ?? {}).length === 0;
