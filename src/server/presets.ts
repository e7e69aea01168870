import { z } from "zod";
import { InferenceError } from "../core/errors.ts";
import type { ModelInfo, Preset } from "../decoder/completer.ts";
import { requestShape, samplerFields, settle } from "../samplers/registry.ts";
import type { FieldName, SamplerSettings } from "../samplers/registry.ts";
import { dropNulls } from "./given.ts";
import type { Given } from "./given.ts";
import { presetOfModelName } from "./model-name.ts";
import { chooseSampler, planSampling } from "./sampling-plan.ts";
import { body } from "./schemas/body.ts";
import { generationFields } from "./schemas/fields.ts";
import type { GenerationFields } from "./schemas/fields.ts";
import { selectionFields } from "./schemas/selection.ts";
import { drawsTheSame, planSelection } from "./selection/selection-plan.ts";

const presetSchema = body({ sampler: generationFields.sampler, ...requestShape, ...selectionFields });
type PresetBody = Given<z.output<typeof presetSchema>>;

/** What settles a preset without a request: a completion of a token alone. */
const alone = (model: ModelInfo, candidates: number, n: number) => ({
  ...{ candidates, n, maxTokens: 1, stop: [] },
  ...{ defaults: model.defaults, vocabularySize: model.vocabularySize },
});

/**
 * Reads a model's presets as requests would be read, before any of them comes.
 * @throws InferenceError naming the preset, the field at fault and what to do
 */
export function checkPresets(model: ModelInfo): void {
  for (const [name, preset] of Object.entries(model.presets ?? {})) {
    try {
      checkPreset(preset, model);
    } catch (error) {
      if (!(error instanceof InferenceError)) throw error;
      const at = `generation_config.json, metropolis.presets.${name}`;
      throw new InferenceError("invalid_request", `${at}: ${error.message}`, { cause: error });
    }
  }
}

function checkPreset(preset: Preset, model: ModelInfo): void {
  const parsed = presetSchema.safeParse(preset);
  if (!parsed.success) throw new InferenceError("invalid_request", z.prettifyError(parsed.error));
  const fields: PresetBody = dropNulls(parsed.data);
  const { sampler } = preset;
  const candidates = fields.best_of ?? 1;
  const { settings } = planSampling(fields, { model, sampler, ...alone(model, candidates, 1) });
  planSelection(fields, { candidates, n: 1, settings, capabilities: model.capabilities });
}

/**
 * A body with what the preset says that its model's name picks, where it does not say so itself. Of the preset is left
 * out what has no meaning beside the body's own fields: of another sampler, kernel or rule.
 */
export function withPreset<Body extends Given<GenerationFields>>(given: Body, model: ModelInfo): Body {
  const preset = presetOfModelName(given.model, model);
  if (preset === undefined) return given;
  // It was read when the server started.
  const fields = dropNulls(preset) as PresetBody;
  const drawn = samplingOf(fields, given, model);
  return { ...drawn.fields, ...selectionOf(fields, given, drawn.settings), ...given };
}

/** Those of a preset's fields that say how tokens are drawn, and what they come to with the body's. */
function samplingOf(preset: PresetBody, given: Given<GenerationFields>, model: ModelInfo) {
  const { n = 1, best_of: candidates = preset.best_of ?? n } = given;
  const sampler = chooseSampler(given, model, preset.sampler!);
  const fields = new Map(
    Object.entries(preset).filter(
      ([name]) => name in samplerFields && samplerFields[name as FieldName].users.includes(sampler),
    ),
  );
  for (;;) {
    const all = { ...Object.fromEntries(fields), ...given };
    try {
      const settings = settle(sampler, all, alone(model, candidates, n));
      return { fields: Object.fromEntries(fields), settings };
    } catch (error) {
      const refused = error instanceof InferenceError ? error.param : undefined;
      // What the body itself says is for its plan to refuse.
      if (refused === undefined || refused in given || !fields.delete(refused))
        return { fields: Object.fromEntries(fields), settings: undefined };
    }
  }
}

/** Those that say how answers are chosen; of beams the best ones are the answer. */
function selectionOf(
  preset: PresetBody,
  {
    n = 1,
    best_of: candidates = preset.best_of ?? n,
    select = preset.select,
    use_beam_search: ofBeams,
  }: Given<GenerationFields>,
  settings: SamplerSettings | undefined,
): Partial<PresetBody> {
  const isIdle = candidates <= n || ofBeams === true;
  if (isIdle || (settings !== undefined && drawsTheSame(settings))) return {};
  const ofVotes = ["select_answer", "vote_confidence"];
  return Object.fromEntries(
    Object.entries(preset).filter(
      ([name]) => name in selectionFields && (select === "vote" || !ofVotes.includes(name)),
    ),
  );
}
