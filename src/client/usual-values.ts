import { samplers } from "../samplers/registry.ts";
import type { SamplerName } from "../samplers/registry.ts";
import type { modelEntry } from "../server/schemas/models.ts";
import type { z } from "zod";

export type ModelDefaults = z.output<typeof modelEntry>["defaults"];

type Given = Readonly<Record<string, unknown>>;

/**
 * What a sampler's fields come to, by their names: those of the request, and the defaults of those that it leaves out.
 * Fields whose default is that nothing is done are not there.
 * @param given the sampler's fields that the request has, `max_tokens` among them; where they contradict each other, as
 *   the server will say, the defaults are those of a request without them
 */
export function usualValues(
  sampler: SamplerName,
  given: Given,
  defaults: ModelDefaults,
): Readonly<Record<string, number | string>> {
  const declared = samplers[sampler];
  const context = {
    defaults: {
      alpha: defaults.alpha,
      mcmcSteps: defaults.mcmc_steps ?? undefined,
      blockSize: defaults.block_size ?? undefined,
    },
    vocabularySize: Infinity,
    maxTokens: Number(given.max_tokens ?? defaults.max_tokens),
    stop: [],
    candidates: 1,
    n: 1,
  };
  const settled = (): Given => {
    try {
      return declared.settle(given, context) as Given;
    } catch {
      return declared.settle({}, context) as Given;
    }
  };
  return { max_tokens: context.maxTokens, ...flatten(settled()) };
}

/** Settings by the names of the API: a part with a name of its own, as a kernel, is that name beside its own settings. */
function flatten(settings: Given): Record<string, number | string> {
  const flat: Record<string, number | string> = {};
  for (const [key, value] of Object.entries(settings)) {
    const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (typeof value === "number" || typeof value === "string") flat[name] = value;
    else if (isNamed(value)) {
      const { name: chosen, ...own } = value;
      flat[name] = chosen;
      for (const [part, of] of Object.entries(flatten(own))) {
        flat[part] = of;
        flat[`${name}_${part}`] = of;
      }
    }
  }
  return flat;
}

const isNamed = (value: unknown): value is Given & { readonly name: string } =>
  typeof value === "object" && value !== null && "name" in value && typeof value.name === "string";
