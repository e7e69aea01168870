import type { SamplerName } from "../decoder/generator.ts";

/** One way of sampling that an evaluation compares: the fields it adds to a request. */
export interface Configuration {
  readonly name: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Sweep {
  readonly samplers: readonly SamplerName[];
  /** Exponents for power and low_temperature; the model's own when empty. */
  readonly alphas: readonly number[];
  /** Steps per block for power; the model's own when empty. */
  readonly steps: readonly number[];
}

/** Every sampler with every setting that means something to it. */
export function configurations({ samplers, alphas, steps }: Sweep): readonly Configuration[] {
  const alphaFields = alphas.length === 0 ? [{}] : alphas.map((alpha) => ({ alpha }));
  const stepFields = steps.length === 0 ? [{}] : steps.map((mcmc_steps) => ({ mcmc_steps }));
  return samplers.flatMap((sampler) => {
    switch (sampler) {
      case "power":
        return alphaFields.flatMap((alpha) =>
          stepFields.map((step) => configuration(sampler, { ...alpha, ...step })),
        );
      case "low_temperature":
        return alphaFields.map((alpha) => configuration(sampler, alpha));
      default:
        return [configuration(sampler, {})];
    }
  });
}

function configuration(sampler: SamplerName, settings: Readonly<Record<string, number>>): Configuration {
  const details = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return { name: [sampler, ...details].join(", "), fields: { sampler, ...settings } };
}

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
      return { temperature: 1 / ((fields.alpha as number | undefined) ?? 4) };
    default:
      return undefined;
  }
}
