import { InferenceError } from "../core/errors.ts";
import { optionFields } from "../samplers/option-fields.ts";
import type { Setting } from "../samplers/option-fields.ts";
import { samplers } from "../samplers/registry.ts";
import type { SamplerName } from "../samplers/registry.ts";

/** One way of sampling that an evaluation compares: the fields it adds to a request. */
export interface Configuration {
  readonly name: string;
  readonly fields: { readonly sampler: SamplerName } & Readonly<Record<string, Setting>>;
}

/** Values of fields by their names; where there are none, the model's own is used. */
export type Sweeps = Readonly<Record<string, readonly Setting[] | undefined>>;

/**
 * Every sampler with every combination of the settings that mean something to it, each once.
 * @throws InferenceError for a setting that means nothing to any of them
 */
export function configurations(names: readonly SamplerName[], sweeps: Sweeps): readonly Configuration[] {
  for (const { name, option, users } of optionFields) {
    if ((sweeps[name] ?? []).length === 0 || names.some((sampler) => users.includes(sampler))) continue;
    throw new InferenceError(
      "invalid_request",
      `${option} means nothing to ${names.join(", ")}. Leave it out, or add ${users.join(" or ")} to --samplers.`,
    );
  }
  const all = names.flatMap((sampler) => combine(sampler, sweeps));
  return all.filter(({ name }, index) => all.findIndex((other) => other.name === name) === index);
}

function combine(sampler: SamplerName, sweeps: Sweeps): Configuration[] {
  let combinations: Readonly<Record<string, Setting>>[] = [{}];
  for (const { name, users } of optionFields) {
    const values = sweeps[name] ?? [];
    if (values.length === 0 || !users.includes(sampler)) continue;
    combinations = combinations.flatMap((fields) => values.map((value) => ({ ...fields, [name]: value })));
  }
  return combinations.map((fields) => ({ name: nameOf(sampler, fields), fields: { sampler, ...fields } }));
}

const nameOf = (sampler: SamplerName, fields: Readonly<Record<string, Setting>>): string =>
  [sampler, ...Object.entries(fields).map(([field, value]) => `${field} ${value}`)].join(", ");

/**
 * The same for a server that knows OpenAI's fields alone.
 * @returns undefined for a sampler that it cannot have
 */
export function plainFields({
  fields: { sampler, ...given },
}: Configuration): Readonly<Record<string, unknown>> | undefined {
  return samplers[sampler].plainFields?.(given);
}
