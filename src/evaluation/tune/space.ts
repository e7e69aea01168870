import { samplerNames, samplers } from "../../samplers/registry.ts";
import type { SamplerName } from "../../samplers/registry.ts";
import { configurations } from "../configurations.ts";
import type { Configuration, Sweeps } from "../configurations.ts";

/** What is had without a sampler of ours, and takes part always: winners are held against it. */
export const plainSamplers = ["standard", "greedy", "low_temperature"] as const satisfies SamplerName[];

const blocks = { warm_up: ["blocks"] };

/**
 * Settings worth a try, by sampler: every combination within an entry; a sampler without one is tried as it is.
 * Standard's temperature is low_temperature's 1/alpha.
 */
const space: Readonly<Partial<Record<SamplerName, readonly Sweeps[]>>> = {
  low_temperature: [{ alpha: [1.5, 2, 3, 4, 8] }],
  power: [
    { ...blocks, alpha: [2, 4, 8], mcmc_steps: [2, 5] },
    { alpha: [2, 4, 8], mcmc_steps: [1, 4], warm_up: ["particles"] },
    { ...blocks, alpha: [4], mcmc_steps: [2], block_size: [8, 32] },
    { ...blocks, alpha: [4], mcmc_steps: [2], schedule: ["until_finished"] },
    { ...blocks, alpha: [4], mcmc_steps: [2], proposal_temperature: [0.5, 1], cut: ["uniform", "entropy"] },
    { ...blocks, alpha: [4], mcmc_steps: [1], kernel: ["multiple_try"], tries: [4] },
    { ...blocks, alpha: [4], mcmc_steps: [2], kernel: ["tempering"], replicas: [3] },
  ],
  exact: [{ alpha: [2, 4], max_tries: [32], fallback: ["power"] }],
  smc: [{ alpha: [2, 4], particles: [4, 16] }],
  maximize: [{ mcmc_steps: [2, 5] }],
  beam: [{ beam_width: [2, 4, 8], length_penalty: [0, 1] }],
};

/** Fields that are searched, for values of one's own. */
export const searchedFields: ReadonlySet<string> = new Set(
  Object.values(space).flatMap((entries) => entries.flatMap((sweeps) => Object.keys(sweeps))),
);

/**
 * The settings that are compared: the plain samplers' first, then those of others.
 * @param values in place of the usual ones, wherever the field is searched
 */
export function searchSpace(others: readonly SamplerName[], values: Sweeps): readonly Configuration[] {
  const names = [...new Set([...plainSamplers, ...others])];
  const all = names.flatMap((sampler) =>
    (space[sampler] ?? [{}]).flatMap((sweeps) => configurations([sampler], withValues(sweeps, values))),
  );
  return all.filter(({ name }, index) => all.findIndex((other) => other.name === name) === index);
}

const withValues = (sweeps: Sweeps, values: Sweeps): Sweeps =>
  Object.fromEntries(
    Object.entries(sweeps).map(([field, usual]) => {
      const own = values[field] ?? [];
      return [field, own.length > 0 ? own : usual];
    }),
  );

/** Samplers that are searched beside the plain ones where none are named. */
export const searchedSamplers = samplerNames.filter((name) => samplers[name].plainFields === undefined);
