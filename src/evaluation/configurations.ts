import { InferenceError } from "../core/errors.ts";
import type { SamplerName } from "../decoder/completer.ts";

export type Setting = number | string;

/** One way of sampling that an evaluation compares: the fields it adds to a request. */
export interface Configuration {
  readonly name: string;
  readonly fields: { readonly sampler: SamplerName } & Readonly<Record<string, Setting>>;
}

/** Which samplers a field means something to, as the server has it. */
const sweepable = {
  alpha: ["power", "low_temperature", "smc"],
  mcmc_steps: ["power", "maximize"],
  proposal_temperature: ["power", "smc", "maximize"],
  kernel: ["power"],
  cut: ["power", "maximize"],
} as const satisfies Record<string, readonly SamplerName[]>;

/** Values of each field; where there are none, the model's own is used. */
export type Sweeps = Readonly<Partial<Record<keyof typeof sweepable, readonly Setting[]>>>;

/** Options that sweep a field under another name than its own. */
const optionNames: Readonly<Record<string, string>> = { mcmc_steps: "steps" };

/**
 * Every sampler with every combination of the settings that mean something to it, each once.
 * @throws InferenceError for a setting that means nothing to any of them
 */
export function configurations(samplers: readonly SamplerName[], sweeps: Sweeps): readonly Configuration[] {
  for (const [field, users] of Object.entries(sweepable)) {
    if ((sweeps[field as keyof Sweeps] ?? []).length === 0) continue;
    if (samplers.some((sampler) => users.some((user) => user === sampler))) continue;
    throw new InferenceError(
      "invalid_request",
      `--${(optionNames[field] ?? field).replaceAll("_", "-")} means nothing to ${samplers.join(", ")}. Leave it out, or add ${users.join(" or ")} to --samplers.`,
    );
  }
  const all = combine(samplers, sweeps);
  return all.filter(({ name }, index) => all.findIndex((other) => other.name === name) === index);
}

function combine(samplers: readonly SamplerName[], sweeps: Sweeps): Configuration[] {
  return samplers.flatMap((sampler) => {
    let combinations: Readonly<Record<string, Setting>>[] = [{}];
    for (const [field, users] of Object.entries(sweepable)) {
      const values = sweeps[field as keyof Sweeps] ?? [];
      if (values.length === 0 || !users.some((user) => user === sampler)) continue;
      combinations = combinations.flatMap((fields) => values.map((value) => ({ ...fields, [field]: value })));
    }
    return combinations.map((fields) => ({ name: nameOf(sampler, fields), fields: { sampler, ...fields } }));
  });
}

const nameOf = (sampler: SamplerName, fields: Readonly<Record<string, Setting>>): string =>
  [sampler, ...Object.entries(fields).map(([field, value]) => `${field} ${value}`)].join(", ");

/**
 * The same for a server that knows OpenAI's fields alone: greedy is temperature 0, low temperature is 1/alpha.
 * @returns undefined for a sampler that it cannot have
 */
export function plainFields({ fields }: Configuration): Readonly<Record<string, unknown>> | undefined {
  switch (fields.sampler) {
    case "greedy":
      return { temperature: 0 };
    case "standard":
      return { temperature: 1 };
    case "low_temperature":
      return { temperature: 1 / Number(fields.alpha ?? 4) };
    default:
      return undefined;
  }
}
