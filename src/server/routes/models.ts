import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { usualMaxTokens } from "../completion-plan.ts";
import { modelNames, presetOfModelName, samplerOfModelName } from "../model-name.ts";
import { chooseSampler } from "../sampling-plan.ts";
import { failuresOfModels } from "../failures.ts";
import { modelEntry, modelList } from "../schemas/models.ts";
import type { RouteContext } from "./context.ts";

/** GET /v1/models: the model, and its name with each sampler's and each preset's suffix. */
export function modelRoutes({
  completer: { model, prompts },
  defaultSampler,
  startedAt,
}: RouteContext): FastifyPluginCallbackZod {
  const { alpha, mcmcSteps = null, blockSize = null, maxTokens = usualMaxTokens } = model.defaults;
  const defaults = { max_tokens: maxTokens, alpha, mcmc_steps: mcmcSteps, block_size: blockSize };
  const entries = modelNames(model).map((id) => ({
    id,
    object: "model" as const,
    created: startedAt,
    owned_by: "metropolis",
    root: model.id,
    parent: id === model.id ? null : model.id,
    max_model_len: model.maxLength,
    reproducibility: model.capabilities.reproducibility,
    eos_token_ids: [...model.endTokenIds],
    description: model.description ?? null,
    example_prompts: [...model.examplePrompts],
    takes_chats: prompts.takesChats,
    defaults: { sampler: chooseSampler({ model: id }, model, defaultSampler), ...defaults },
    preset: presetOfModelName(id, model) ?? null,
  }));
  const find = (id: string): z.output<typeof modelEntry> => {
    samplerOfModelName(id, model);
    return entries.find((entry) => entry.id === id)!;
  };
  return (app, _options, done) => {
    app.get(
      "/v1/models",
      {
        schema: {
          summary: "List the models",
          tags: ["models"],
          response: { 200: modelList, ...failuresOfModels },
        },
      },
      () => ({ object: "list" as const, data: entries }),
    );
    app.get(
      "/v1/models/:id",
      {
        schema: {
          summary: "Describe a model",
          tags: ["models"],
          params: z.object({
            id: z.string().meta({
              description: "The model's name, suffix included.",
              examples: ["abacus:power"],
            }),
          }),
          response: { 200: modelEntry, ...failuresOfModels },
        },
      },
      ({ params: { id } }) => find(id),
    );
    // Ids of the hub have a slash, which clients leave as it is, and proxies decode.
    app.get(
      "/v1/models/*",
      {
        schema: {
          hide: true,
          params: z.object({ "*": z.string() }),
          response: { 200: modelEntry, ...failuresOfModels },
        },
      },
      ({ params: { "*": id } }) => find(id.replace(/\/$/, "")),
    );
    done();
  };
}
